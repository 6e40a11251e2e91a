//! Connections that are ended, and connections that are not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use futures_util::future::poll_fn;
use tokio::io::DuplexStream;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Patience = Patience { head: SECOND, idle: Duration::from_secs(3), unread: Duration::from_secs(2) };

async fn read(watched: &mut Watched<DuplexStream>) -> io::Result<usize> {
    let mut bytes = [0; 16];
    let mut into = ReadBuf::new(&mut bytes);
    poll_fn(|context| Pin::new(&mut *watched).poll_read(context, &mut into)).await.map(|()| into.filled().len())
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<usize> {
    poll_fn(|context| Pin::new(&mut *stream).poll_write(context, bytes)).await
}

fn pair(home: &Arc<Connections>) -> (DuplexStream, Watched<DuplexStream>) {
    let (theirs, ours) = tokio::io::duplex(8);
    (theirs, home.accept(ours))
}

fn has_ended(watched: &Watched<DuplexStream>) -> bool {
    watched.connection.state().has_ended
}

fn age(watched: &Watched<DuplexStream>, by: Duration) {
    let mut state = watched.connection.state();
    state.since = state.since.checked_sub(by).unwrap();
}

#[tokio::test]
async fn a_head_that_stops_ends_the_connection_and_wakes_its_reader() {
    let home = Connections::new(8, 1, PATIENCE);
    let (mut theirs, mut ours) = pair(&home);
    send(&mut theirs, b"GET").await.unwrap();
    assert_eq!(read(&mut ours).await.unwrap(), 3);
    home.end_stuck(Instant::now() + SECOND / 2);
    assert!(!has_ended(&ours));
    let waiting = tokio::spawn(async move { (read(&mut ours).await, ours) });
    tokio::task::yield_now().await;
    home.end_stuck(Instant::now() + SECOND * 2);
    let (read, ours) = waiting.await.unwrap();
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
    drop(ours);
    assert!(home.open().is_empty());
}

#[tokio::test]
async fn a_request_that_is_carried_out_is_not_ended_and_an_idle_connection_is() {
    let home = Connections::new(8, 1, PATIENCE);
    let (_theirs, ours) = pair(&home);
    ours.connection.state().enter(Phase::Serving);
    home.end_stuck(Instant::now() + SECOND * 60);
    assert!(!has_ended(&ours));
    drop(Serving { connection: ours.connection(), is_last: false });
    home.end_stuck(Instant::now() + SECOND * 2);
    assert!(!has_ended(&ours));
    home.end_stuck(Instant::now() + SECOND * 4);
    assert!(has_ended(&ours));
}

#[tokio::test]
async fn an_answer_that_nobody_reads_ends_the_connection() {
    let home = Connections::new(8, 1, PATIENCE);
    let (mut theirs, mut ours) = pair(&home);
    ours.connection.state().enter(Phase::Serving);
    assert_eq!(send(&mut ours, b"12345678").await.unwrap(), 8);
    let stuck = tokio::spawn(async move { (send(&mut ours, b"9").await, ours) });
    tokio::task::yield_now().await;
    // A client that reads slowly, but does read, is served.
    let mut bytes = [0; 8];
    let mut into = ReadBuf::new(&mut bytes);
    poll_fn(|context| Pin::new(&mut theirs).poll_read(context, &mut into)).await.unwrap();
    let (sent, mut ours) = stuck.await.unwrap();
    assert_eq!(sent.unwrap(), 1);
    poll_fn(|context| Pin::new(&mut ours).poll_flush(context)).await.unwrap();
    home.end_stuck(Instant::now() + SECOND * 60);
    assert!(!has_ended(&ours));
    assert_eq!(send(&mut ours, b"1234567").await.unwrap(), 7);
    let stuck = tokio::spawn(async move { send(&mut ours, b"9").await });
    tokio::task::yield_now().await;
    home.end_stuck(Instant::now() + SECOND * 3);
    assert_eq!(stuck.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn strangers_make_room_before_customers_and_the_oldest_first() {
    let home = Connections::new(4, 1, PATIENCE);
    let mut pairs: Vec<_> = (0..4).map(|_| pair(&home)).collect();
    let mut customers = pairs.split_off(2);
    for (_, customer) in &customers {
        customer.connection.know();
        age(customer, SECOND * 30);
    }
    age(&pairs[0].1, SECOND * 2);
    age(&pairs[1].1, SECOND * 5);
    let (_, newcomer) = pair(&home);
    assert!(has_ended(&pairs[1].1) && !has_ended(&pairs[0].1) && !has_ended(&newcomer));
    drop(pairs.remove(1));
    // The next one is a stranger, too, though younger than every customer.
    let (_, another) = pair(&home);
    assert!(has_ended(&pairs[0].1) && !has_ended(&another));
    drop((pairs, newcomer, another));

    // Only connections of customers are left: an idle one makes room, a busy one never does.
    customers[0].1.connection.state().enter(Phase::Serving);
    let more: Vec<_> = (0..2).map(|_| pair(&home)).collect();
    for (_, busy) in &more {
        busy.connection.know();
        busy.connection.state().enter(Phase::Serving);
    }
    let (_, next) = pair(&home);
    assert!(has_ended(&customers[1].1) && !has_ended(&customers[0].1) && !has_ended(&next));
    next.connection.know();
    next.connection.state().enter(Phase::Serving);
    drop(customers.pop());
    let (_, refused) = pair(&home);
    assert!(has_ended(&refused));
}

#[tokio::test]
async fn a_crowd_of_newcomers_ends_no_customer_who_is_at_work() {
    let home = Connections::new(4, 1, PATIENCE);
    let (_theirs, customer) = pair(&home);
    customer.connection.know();
    let mut crowd: Vec<_> = (0..3).map(|_| pair(&home)).collect();
    // The customer's last request is older than every newcomer, and the next one may be on its way.
    age(&customer, SECOND * 2);
    let newest = pair(&home);
    assert!(!has_ended(&customer) && has_ended(&crowd[0].1) && !has_ended(&newest.1));
    crowd.remove(0);
    // Later the customer is idle, and the crowd is still new.
    age(&customer, SECOND * 5);
    let _last = pair(&home);
    assert!(has_ended(&customer));
}

#[tokio::test]
async fn a_connection_is_settled_when_its_tasks_are() {
    let connection = Arc::new(Connection::new());
    let task = connection.task().unwrap();
    let settled = tokio::spawn({
        let connection = Arc::clone(&connection);
        async move { connection.settled().await }
    });
    tokio::task::yield_now().await;
    assert!(!settled.is_finished());
    drop(task);
    settled.await.unwrap();
}

#[tokio::test]
async fn closed_connections_wait_for_their_requests_but_do_not_fill_the_house() {
    let home = Connections::new(8, 1, PATIENCE);
    let (first, second) = (pair(&home).1.connection(), pair(&home).1.connection());
    let (one, _other) = (first.task().unwrap(), second.task().unwrap());
    let waiting = tokio::spawn({
        let home = Arc::clone(&home);
        async move { home.see_off(&first).await }
    });
    while home.leaving.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    home.see_off(&second).await;
    assert!(!waiting.is_finished());
    drop(one);
    waiting.await.unwrap();
    assert_eq!(home.leaving.load(Ordering::Relaxed), 0);
}
