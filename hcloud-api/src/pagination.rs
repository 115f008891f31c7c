//! Lists, which the API cuts into pages.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use crate::envelope::{self, Page};
use crate::request::Request;
use crate::{Resource, Result};

/// How often a list is read at most because it became shorter while it was read.
const PASSES: usize = 3;

/// A list that is not fetched yet.
///
/// Pages are cut by position, so whatever is created or deleted meanwhile shifts them. Both ways
/// of reading cope: nothing comes twice, and when the API says that the list became shorter, what
/// may have moved to an earlier page is read again. Only a thing that moves while another is
/// created, so that the length stays the same, can be missed.
#[must_use = "a list is fetched by `all`, `stream` or `first`"]
pub struct Listing<T> {
    request: Request,
    per_page: u32,
    items: PhantomData<fn() -> T>,
}

/// How much of a list has been fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many items have come.
    pub items: u64,
    /// How many there are, if the API says so.
    pub total: Option<u64>,
}

impl<T: Resource> Listing<T> {
    pub(crate) fn new(request: Request) -> Self {
        Self {
            request,
            per_page: T::PER_PAGE,
            items: PhantomData,
        }
    }

    /// Fetches smaller pages than the largest that the API grants.
    pub fn per_page(mut self, items: u32) -> Self {
        self.per_page = items.clamp(1, T::PER_PAGE);
        self
    }

    /// Fetches everything.
    ///
    /// The first page says how many there are; the others are fetched side by side, as many at
    /// once as [`parallel_pages`](crate::ClientBuilder::parallel_pages) allows, and keep their
    /// order.
    ///
    /// # Errors
    ///
    /// The first error of any page.
    pub async fn all(self) -> Result<Vec<T>> {
        self.all_with_progress(|_| {}).await
    }

    /// Fetches everything as [`all`](Self::all) does, and tells of each page that has come.
    ///
    /// # Errors
    ///
    /// The first error of any page.
    pub async fn all_with_progress(self, mut progress: impl FnMut(Progress)) -> Result<Vec<T>> {
        let mut items = Vec::new();
        for _ in 0..PASSES {
            let pages = self.pages(&mut progress).await?;
            let shrank = shrank(&pages);
            let earlier = std::mem::take(&mut items);
            items.extend(pages.into_iter().flat_map(|page| page.items));
            if shrank {
                items.extend(earlier);
            }
            let mut seen = HashSet::with_capacity(items.len());
            items.retain(|item| seen.insert(item.id()));
            if !shrank {
                break;
            }
        }
        Ok(items)
    }

    /// Fetches page after page, each when it is needed and none before the stream is polled.
    pub fn stream(self) -> BoxStream<'static, Result<T>> {
        stream::try_unfold(Reader::new(self), Reader::read)
            .map_ok(|items| stream::iter(items.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    /// Fetches the first item, if there is any.
    ///
    /// # Errors
    ///
    /// Those of the one request.
    pub async fn first(self) -> Result<Option<T>> {
        let page = self.per_page(1).page(1).await?;
        Ok(page.items.into_iter().next())
    }

    async fn pages(&self, progress: &mut impl FnMut(Progress)) -> Result<Vec<Page<T>>> {
        let first = self.page(1).await?;
        let last = first.last.unwrap_or(1);
        let mut fetched = Progress::default();
        let mut tell = |page: &Page<T>| {
            fetched.items += page.items.len() as u64;
            fetched.total = page.total.or(fetched.total);
            progress(fetched);
        };
        tell(&first);
        let mut pages = vec![first];
        let mut others = stream::iter(2..=last)
            .map(|number| self.page(number))
            .buffered(self.request.client().shared.parallel_pages);
        while let Some(page) = others.try_next().await? {
            tell(&page);
            pages.push(page);
        }
        // The list became longer, or the first page did not say how long it is.
        let mut next = pages.last().and_then(|page| page.next);
        while let Some(number) = next {
            let page = self.page(number).await?;
            next = page.next;
            tell(&page);
            pages.push(page);
        }
        Ok(pages)
    }

    async fn page(&self, number: u64) -> Result<Page<T>> {
        let answer = self
            .request
            .clone()
            .parameter("page", number)
            .parameter("per_page", self.per_page)
            .send()
            .await?;
        let mut page: Page<T> = answer.read(|body| envelope::page(body, T::MANY))?;
        // A page that names itself as the next would be read for ever.
        page.next = page.next.filter(|next| *next > number);
        Ok(page)
    }
}

fn shrank<T>(pages: &[Page<T>]) -> bool {
    let mut totals = pages.iter().filter_map(|page| page.total);
    let first = totals.next();
    totals.any(|total| Some(total) < first)
}

/// Reads a list page after page.
struct Reader<T: Resource> {
    list: Listing<T>,
    next: Option<u64>,
    total: Option<u64>,
    seen: HashSet<T::Id>,
}

impl<T: Resource> Reader<T> {
    fn new(list: Listing<T>) -> Self {
        Self {
            list,
            next: Some(1),
            total: None,
            seen: HashSet::new(),
        }
    }

    async fn read(mut self) -> Result<Option<(Vec<T>, Self)>> {
        let Some(number) = self.next else {
            return Ok(None);
        };
        let mut page = self.list.page(number).await?;
        page.items.retain(|item| self.seen.insert(item.id()));

        let gone = self
            .total
            .zip(page.total)
            .map_or(0, |(was, is)| was.saturating_sub(is));
        self.next = if gone > 0 {
            // What followed the gone items moved up by as many, perhaps past what was read.
            let pages = gone.div_ceil(self.list.per_page.into());
            Some(number.saturating_sub(pages).max(1))
        } else {
            page.next
        };
        self.total = page.total;
        Ok(Some((page.items, self)))
    }
}

impl<T> fmt::Debug for Listing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("request", &self.request)
            .field("per_page", &self.per_page)
            .finish_non_exhaustive()
    }
}
