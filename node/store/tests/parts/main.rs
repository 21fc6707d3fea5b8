//! Everything but the log, on a real file system.

mod blobs;
mod critical;
mod directory;
mod durability;
mod image;
mod keys;
mod objects;
mod scratch;

#[test]
fn everything_can_be_moved_to_the_thread_of_the_disk() {
    fn check<T: Send>() {}
    check::<quorate_store::log::Log<quorate_store::medium::RealMedium>>();
    check::<quorate_store::log::Recovered<quorate_store::medium::RealFile>>();
    check::<quorate_store::critical::CriticalState>();
    check::<quorate_store::image::StateImage>();
    check::<quorate_store::object_store::ObjectStore>();
    check::<quorate_store::directory::DataDirectory>();
}
