//! Bodies that are written page by page, so that a long list takes no more memory than one page of it.

use std::future::Future;

use axum::body::{Body, Bytes};
use futures_util::stream;

use crate::problem::Problem;

/// One page of a list, as text, and where the next one starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<N> {
    /// The rows as they go into the body.
    pub text: String,
    /// Where the next page starts; `None` at the end.
    pub next: Option<N>,
}

/// What of a body is still to be written.
enum Rest<N> {
    Text(Page<N>),
    Next(N),
    Tail,
    Done,
}

/// A body: the head, the first page, which was read already so that its failure has a status, the pages after it, each
/// read when the client takes it, and the tail. A page that cannot be read breaks the answer off.
pub fn body<N, F>(head: String, first: Page<N>, tail: String, read: impl Fn(N) -> F + Clone + Send + 'static) -> Body
where
    N: Send + 'static,
    F: Future<Output = Result<Page<N>, Problem>> + Send + 'static,
{
    let start = Rest::Text(Page { text: head + &first.text, next: first.next });
    let parts = stream::try_unfold((start, tail), move |(rest, tail)| {
        let read = read.clone();
        async move {
            let page = match rest {
                Rest::Done => return Ok(None),
                Rest::Tail => return Ok(Some((Bytes::from(tail.clone()), (Rest::Done, tail)))),
                Rest::Text(page) => page,
                Rest::Next(next) => read(next).await.map_err(|problem| std::io::Error::other(problem.detail))?,
            };
            let rest = page.next.map_or(Rest::Tail, Rest::Next);
            Ok::<_, std::io::Error>(Some((Bytes::from(page.text), (rest, tail))))
        }
    });
    Body::from_stream(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: Body) -> Result<String, axum::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let bytes = runtime.block_on(axum::body::to_bytes(body, 1000))?;
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn pages_follow_one_another_between_head_and_tail() {
        let first = Page { text: "1".to_owned(), next: Some(2) };
        let next = |n: i32| async move { Ok(Page { text: format!(",{n}"), next: Some(n + 1).filter(|n| *n < 5) }) };
        assert_eq!(text(body("[".to_owned(), first, "]".to_owned(), next)).unwrap(), "[1,2,3,4]");
        let only = Page { text: String::new(), next: None };
        assert_eq!(text(body("[".to_owned(), only, "]".to_owned(), next)).unwrap(), "[]");
    }

    #[test]
    fn a_page_that_cannot_be_read_breaks_the_answer_off() {
        let first = Page { text: "1".to_owned(), next: Some(()) };
        let next = |()| async { Err::<Page<()>, _>(Problem::unavailable()) };
        assert!(text(body(String::new(), first, String::new(), next)).is_err());
    }
}
