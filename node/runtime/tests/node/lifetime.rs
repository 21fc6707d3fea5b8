//! How a node ends, and who notices.

use std::sync::{Arc, Mutex};

use quorate_runtime::limits::REQUESTS_MAX;
use quorate_runtime::{LinkNews, NodeError, RequestError, Snapshot};
use quorate_types::Peer;

use crate::support::journals::Gate;
use crate::support::toy::{Message, PROPOSE, ToyOutput, ToyRequest};
use crate::support::{
    CHANNEL, Running, Setup, Stranger, beside, ended, heard, hosting, id, introduce, listen, look,
    next_output, node, registry, until, watched,
};

#[test]
fn a_stopped_node_gives_requests_back() {
    watched(async {
        let mut nodes = [Running::start(listen(1).await, (1, 1), Setup::default())];
        nodes[0].control.stop();
        assert!(ended(&mut nodes, 0).await.is_ok());
        let request = ToyRequest::Set(1, 1);
        assert_eq!(nodes[0].handle.request(request), Err(RequestError::Stopped(request)));
        assert!(!nodes[0].handle.look(|_| ()));
    });
}

#[test]
fn work_for_a_node_that_has_ended_is_dropped_so_that_nobody_waits_for_it() {
    watched(async {
        let mut nodes = [Running::start(listen(1).await, (1, 1), Setup::default())];
        let control = nodes[0].control.clone();
        let order = || {
            let (tell, told) = std::sync::mpsc::sync_channel(1);
            control.order(move |_| tell.send("done").expect("somebody waits for it"));
            told
        };
        control.stop();
        let before = order();
        assert!(ended(&mut nodes, 0).await.is_ok());
        // Done or dropped: whoever waits for either goes on.
        assert!(before.recv().is_ok_and(|told| told == "done") || before.recv().is_err());
        assert!(order().recv().is_err());
    });
}

#[test]
fn who_asks_where_too_many_requests_wait_is_told_when_there_is_room_again() {
    watched(async {
        let mut nodes = [Running::start(listen(1).await, (1, 1), Setup::default())];
        let (handle, request) = (nodes[0].handle.clone(), ToyRequest::Unset(1));
        for _ in 0..REQUESTS_MAX {
            assert_eq!(handle.request(request), Ok(()));
        }
        assert_eq!(handle.request(request), Err(RequestError::Full(request)));
        // All of them find room, and nobody looks for it again and again.
        let ask = || handle.ask(request);
        let asked = beside(&mut nodes, async { tokio::join!(ask(), ask(), ask()) }).await;
        assert_eq!(asked, (Ok(()), Ok(()), Ok(())));
        nodes[0].control.stop();
        assert!(ended(&mut nodes, 0).await.is_ok());
        assert_eq!(handle.ask(request).await, Err(RequestError::Stopped(request)));
    });
}

#[test]
fn a_machine_is_replaced_by_another_on_its_channel_while_the_node_runs() {
    watched(async {
        let mut links = [listen(1).await];
        let server = introduce(&mut links)[0];
        let [links] = links;
        let (gate, second_gate) = (Gate::shut(), Gate::shut());
        let setup = Setup { journal: gate.journal(), ..Setup::default() };
        let mut nodes = [Running::start(links, (1, 1), setup)];
        let stranger = Stranger::connect(77, server, &mut nodes).await;
        stranger.send(&Message::sign(PROPOSE, 1, &registry().signer(&[9; 32])));
        until(&mut nodes, 0, |seen| seen.machines[0].records == 1).await;

        // The first one still waits for its disk; the second one has the channel already.
        let (tell, told) = tokio::sync::oneshot::channel();
        let second_journal = second_gate.journal();
        nodes[0].control.order(move |node| {
            node.retire(CHANNEL);
            let (recovered, journal) = (vec![5], second_journal);
            let setup = Setup { recovered, journal, ..Setup::default() };
            let (second, outputs) = hosting(1, 1, setup);
            drop(tell.send((node.host(second).expect("the channel was freed"), outputs)));
        });
        let first = nodes[0].handle.clone();
        let (second, outputs) = beside(&mut nodes, told).await.expect("it is hosted");
        nodes[0].handle = second;
        assert_eq!(look(&mut nodes, 0).await, [5], "the second one answers");
        let request = ToyRequest::Set(1, 1);
        until(&mut nodes, 0, |_| first.request(request) == Err(RequestError::Stopped(request)))
            .await;
        gate.open();
        assert_eq!(heard(&mut nodes, 0, 1).await, [1], "what waited for the disk is done");
        nodes[0].outputs = outputs;
        stranger.send(&Message::sign(PROPOSE, 2, &registry().signer(&[9; 32])));
        let has_reached =
            |seen: &Snapshot| seen.machines.iter().filter(|it| it.records == 1).count() == 2;
        until(&mut nodes, 0, has_reached).await;

        nodes[0].control.order(|node| node.retire(CHANNEL));
        stranger.send(&Message::sign(PROPOSE, 3, &registry().signer(&[9; 32])));
        let is_unknown =
            |seen: &Snapshot| seen.complaints.iter().any(|(_, why, _)| *why == "unknown_channel");
        until(&mut nodes, 0, is_unknown).await;
        // A node ends when its disks have.
        second_gate.open();
    });
}

#[test]
fn blocking_work_is_done_elsewhere_and_answers_with_a_request() {
    watched(async {
        let mut node = node(listen(1).await);
        let workers = node.start_workers("load", 2).unwrap();
        let mut nodes = [Running::host(node, hosting(1, 1, Setup::default()))];
        let handle = nodes[0].handle.clone();
        let job = Box::new(move || handle.request(ToyRequest::Set(4, 0)).unwrap());
        assert!(workers.submit(job).is_ok());
        assert_eq!(next_output(&mut nodes, 0).await, ToyOutput::Rang(4));
    });
}

#[test]
fn a_job_that_panics_ends_the_node() {
    watched(async {
        let mut node = node(listen(1).await);
        let workers = node.start_workers("load", 1).unwrap();
        let mut nodes = [Running::host(node, hosting(1, 1, Setup::default()))];
        assert!(workers.submit(Box::new(|| panic!("on purpose"))).is_ok());
        let error = ended(&mut nodes, 0).await.unwrap_err();
        assert!(matches!(error, NodeError::ThreadDied { thread: "workers" }), "{error:?}");
    });
}

#[test]
fn links_are_reported_under_the_names_of_the_protocols() {
    watched(async {
        let mut links = [listen(1).await, listen(2).await];
        let servers = introduce(&mut links);
        let [first, second] = links;
        let news: Arc<Mutex<Vec<LinkNews>>> = Arc::default();
        let mut watching = node(first);
        let heard = Arc::clone(&news);
        watching.watch_links(Box::new(move |one| heard.lock().unwrap().push(one)));
        let setup = Setup { journal: Gate::open_journal(), ..Setup::default() };
        let mut nodes = [
            Running::host(watching, hosting(1, 2, Setup::default())),
            Running::start(second, (2, 2), setup),
        ];
        let stranger = Stranger::connect(77, servers[0], &mut nodes).await;
        let up = |peer| news.lock().unwrap().contains(&LinkNews::Up(peer));
        while !(up(Peer::Node(id(2))) && up(stranger.peer)) {
            beside(&mut nodes, tokio::task::yield_now()).await;
        }
        nodes[0].control.disconnect(stranger.peer);
        nodes[0].control.set_servers(vec![servers[0]]);
        let down = |peer| {
            let is_down =
                |one: &LinkNews| matches!(one, LinkNews::Down { peer: p, .. } if *p == peer);
            news.lock().unwrap().iter().any(is_down)
        };
        while !down(stranger.peer) {
            beside(&mut nodes, tokio::task::yield_now()).await;
        }
        nodes[1].kill();
        nodes[0].handle.request(ToyRequest::Set(1, 0)).unwrap();
        until(&mut nodes, 0, |now| now.machines[0].alarms == 1).await;
    });
}
