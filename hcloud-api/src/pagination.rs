//! Lists, which the API returns in pages.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use crate::envelope::{self, Page};
use crate::request::Request;
use crate::{Deviation, Resource, Result, SkippedItem};

/// How often a list is read if it keeps shrinking while it is read.
const MAX_PASSES: usize = 3;

/// A list that is not fetched yet.
///
/// Pages are ranges of positions, which shift when resources are created or deleted meanwhile.
/// [`all`](Self::all) and [`stream`](Self::stream) handle this: no resource is returned twice, and
/// if the API reports that the list became shorter, the pages to which resources may have moved
/// are read again. A resource can be missed only if one is deleted and another created between two
/// pages, so that the length stays the same.
#[must_use = "a list is fetched by `all`, `stream` or `first`"]
pub struct Listing<T> {
    request: Request,
    per_page: u32,
    items: PhantomData<fn() -> T>,
}

/// The progress of [`Listing::all_with_progress`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The number of fetched items.
    pub items: u64,
    /// The number of all items, if the API reports it.
    pub total: Option<u64>,
}

/// All items of a list, and what was ignored; returned by [`Listing::all_with_deviations`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<T>,
    /// The values that were ignored because they differ from the documentation, and what
    /// [`on_deviation`](crate::ClientBuilder::on_deviation) reports in addition.
    pub deviations: Vec<Deviation>,
}

/// A page of a list; returned by [`Listing::pages`] and [`Listing::page`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListedPage<T> {
    /// The items; of [`Listing::pages`], only those that no page before had.
    pub items: Vec<T>,
    /// The values that were ignored, as in [`Listed::deviations`].
    pub deviations: Vec<Deviation>,
    /// The progress, including this page; of [`Listing::page`], only this page.
    pub progress: Progress,
    /// The number of this page, from 1.
    pub number: u64,
    /// The number of the next page; `None` for the last.
    pub next: Option<u64>,
    /// The number of the last page, if the API reports it.
    pub last: Option<u64>,
}

impl<T> ListedPage<T> {
    /// Returns the items that are missing because they could not be decoded.
    pub fn skipped(&self) -> impl Iterator<Item = &SkippedItem> {
        self.deviations.iter().filter_map(|it| it.skipped.as_ref())
    }
}

impl<T> Listed<T> {
    /// Returns the items that are missing because they could not be decoded.
    pub fn skipped(&self) -> impl Iterator<Item = &SkippedItem> {
        self.deviations.iter().filter_map(|it| it.skipped.as_ref())
    }
}

impl<T: Resource> Listing<T> {
    pub(crate) fn new(request: Request) -> Self {
        Self {
            request,
            per_page: T::PER_PAGE,
            items: PhantomData,
        }
    }

    /// Sets the page size; the default is the largest that the API allows.
    pub fn per_page(mut self, items: u32) -> Self {
        self.per_page = items.clamp(1, T::PER_PAGE);
        self
    }

    /// Fetches all items, in the list's order.
    ///
    /// The first page reports the number of pages; the others are fetched concurrently, up to
    /// [`parallel_pages`](crate::ClientBuilder::parallel_pages) at a time.
    ///
    /// # Errors
    ///
    /// The first error of any page.
    pub async fn all(self) -> Result<Vec<T>> {
        self.all_with_progress(|_| {}).await
    }

    /// Fetches all items as [`all`](Self::all) does, and calls `progress` after each page.
    ///
    /// # Errors
    ///
    /// The first error of any page.
    pub async fn all_with_progress(self, progress: impl FnMut(Progress)) -> Result<Vec<T>> {
        Ok(self.all_with_deviations(progress).await?.items)
    }

    /// Fetches all items as [`all`](Self::all) does, and returns what was ignored in addition,
    /// calling `progress` after each page.
    ///
    /// Use it if it matters that the list is complete: the items without an identity are missing.
    ///
    /// # Errors
    ///
    /// The first error of any page.
    pub async fn all_with_deviations(
        self,
        mut progress: impl FnMut(Progress),
    ) -> Result<Listed<T>> {
        let mut items = Vec::new();
        let mut deviations = Vec::new();
        for _ in 0..MAX_PASSES {
            let mut pages = self.fetch_pages(&mut progress).await?;
            let shrank = shrank(&pages);
            let earlier = std::mem::take(&mut items);
            deviations.extend(pages.iter_mut().flat_map(|page| page.deviations.drain(..)));
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
        Ok(Listed { items, deviations })
    }

    /// Fetches the pages as [`all_with_deviations`](Self::all_with_deviations) does, but returns each
    /// as soon as its turn comes, so that few of them are in memory at a time.
    ///
    /// If the list becomes shorter meanwhile, the last pages are those that were read again, with the
    /// items that no page had before.
    pub fn pages(self) -> BoxStream<'static, Result<ListedPage<T>>> {
        stream::try_unfold(Pages::new(self), Pages::read).boxed()
    }

    /// Fetches one page after another, each only when the stream is polled for its items.
    pub fn stream(self) -> BoxStream<'static, Result<T>> {
        stream::try_unfold(Reader::new(self), Reader::read)
            .map_ok(|items| stream::iter(items.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    /// Fetches the first item, if there is one.
    ///
    /// # Errors
    ///
    /// The error of the request, or [`Error::Decode`](crate::Error::Decode) if the item exists but
    /// cannot be decoded.
    pub async fn first(self) -> Result<Option<T>> {
        let first = self.per_page(1);
        let page = first.fetch_page(1).await?;
        if let Some(deviation) = page.deviations.iter().find(|it| it.skipped.is_some()) {
            return Err(first.request.decode_error(deviation));
        }
        Ok(page.items.into_iter().next())
    }

    /// Fetches one page, from 1, for instance to show it; a page after the last is empty.
    ///
    /// ```no_run
    /// # async fn example(client: hcloud_api::Client) -> hcloud_api::Result<()> {
    /// let page = client.servers().list(&Default::default()).per_page(20).page(2).await?;
    /// println!("{} of {:?} servers", page.items.len(), page.progress.total);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The error of the request.
    pub async fn page(self, number: u64) -> Result<ListedPage<T>> {
        let number = number.max(1);
        let page = self.fetch_page(number).await?;
        let progress = Progress {
            items: page.items.len() as u64,
            total: page.total,
        };
        Ok(page.listed(number, progress))
    }

    /// Returns the number of items, for which the API is asked with a single item.
    ///
    /// If the API does not report the number, all items are fetched.
    ///
    /// # Errors
    ///
    /// The error of the request.
    pub async fn count(self) -> Result<u64> {
        let request = self.request.clone();
        let first = Self::new(request).per_page(1).fetch_page(1).await?;
        match first.total {
            Some(total) => Ok(total),
            None => Ok(self.all().await?.len() as u64),
        }
    }

    async fn fetch_pages(&self, progress: &mut impl FnMut(Progress)) -> Result<Vec<Page<T>>> {
        let first = self.fetch_page(1).await?;
        let last = first.plausible_last();
        let mut fetched = Progress::default();
        let mut report = |page: &Page<T>| {
            fetched.items += page.items.len() as u64;
            fetched.total = page.total.or(fetched.total);
            progress(fetched);
        };
        report(&first);
        let mut pages = vec![first];
        let mut others = stream::iter(2..=last)
            .map(|number| self.fetch_page(number))
            .buffered(self.request.client().shared.parallel_pages);
        while let Some(page) = others.try_next().await? {
            report(&page);
            pages.push(page);
        }
        // The list became longer, or the first page did not report the number of pages.
        let mut next = pages.last().and_then(|page| page.next);
        let items = pages.iter().flat_map(|page| &page.items);
        let mut seen: HashSet<T::Id> = items.filter(|_| next.is_some()).map(T::id).collect();
        while let Some(number) = next {
            let page = self.fetch_page(number).await?;
            let new = page.items.iter().filter(|item| seen.insert(item.id()));
            next = page.next.filter(|_| new.count() > 0 || page.has_skipped());
            report(&page);
            pages.push(page);
        }
        Ok(pages)
    }

    async fn fetch_page(&self, number: u64) -> Result<Page<T>> {
        let success = self
            .request
            .clone()
            .parameter("page", number)
            .parameter("per_page", self.per_page)
            .send()
            .await?;
        let missing = success.missing_fields::<T>();
        let mut page: Page<T> = success.decode(
            |body| envelope::page(body, T::MANY),
            |response, mode, deviations| {
                let page = envelope::odd_page(response, T::MANY, mode, deviations)?;
                Ok(Page {
                    deviations: deviations.clone(),
                    ..page
                })
            },
        )?;
        page.deviations.extend(missing);
        // A page that is its own successor would be read indefinitely.
        page.next = page.next.filter(|next| *next > number);
        Ok(page)
    }
}

impl<T> Page<T> {
    fn listed(self, number: u64, progress: Progress) -> ListedPage<T> {
        ListedPage {
            items: self.items,
            deviations: self.deviations,
            progress,
            number,
            next: self.next,
            last: self.last,
        }
    }

    /// Returns the last page that this first page promises: pages of this size with all items that
    /// it counts.
    fn plausible_last(&self) -> u64 {
        let skipped = self.deviations.iter().filter(|it| it.skipped.is_some());
        let size = self.items.len() + skipped.count();
        let most = match self.total {
            _ if size == 0 => 1,
            Some(total) => total.div_ceil(size as u64),
            None => u64::MAX,
        };
        self.last.unwrap_or(1).min(most)
    }

    fn has_skipped(&self) -> bool {
        self.deviations.iter().any(|it| it.skipped.is_some())
    }
}

fn shrank<T>(pages: &[Page<T>]) -> bool {
    let mut totals = pages.iter().filter_map(|page| page.total);
    let first = totals.next();
    totals.any(|total| Some(total) < first)
}

/// Reads a list in pages, some of them ahead.
struct Pages<T: Resource> {
    list: Arc<Listing<T>>,
    /// The pages that are being fetched; none before the first and after the last page of a pass.
    ahead: Option<BoxStream<'static, Result<Page<T>>>>,
    /// The page after those, if the list became longer or does not report its length.
    next: Option<u64>,
    /// The last page that was returned.
    number: u64,
    pass: usize,
    /// The number of items that the first page of this pass has reported.
    total: Option<u64>,
    shrank: bool,
    seen_in_pass: HashSet<T::Id>,
    seen: HashSet<T::Id>,
    progress: Progress,
}

impl<T: Resource> Pages<T> {
    fn new(list: Listing<T>) -> Self {
        Self {
            list: Arc::new(list),
            ahead: None,
            next: Some(1),
            number: 0,
            pass: 1,
            total: None,
            shrank: false,
            seen_in_pass: HashSet::new(),
            seen: HashSet::new(),
            progress: Progress::default(),
        }
    }

    async fn read(mut self) -> Result<Option<(ListedPage<T>, Self)>> {
        let (number, page) = loop {
            if let Some(ahead) = &mut self.ahead {
                if let Some(page) = ahead.try_next().await? {
                    self.next = page.next;
                    self.seen_in_pass.extend(page.items.iter().map(T::id));
                    self.number += 1;
                    break (self.number, page);
                }
            }
            self.ahead = None;
            if let Some(number) = self.next.take() {
                let page = self.list.fetch_page(number).await?;
                let new = page.items.iter();
                let new = new
                    .filter(|item| self.seen_in_pass.insert(item.id()))
                    .count();
                if number == 1 {
                    self.total = page.total;
                    self.next = page.next;
                    self.fetch_ahead(page.plausible_last());
                } else {
                    self.next = page.next.filter(|_| new > 0 || page.has_skipped());
                }
                self.number = number;
                break (number, page);
            }
            if !self.shrank || self.pass == MAX_PASSES {
                return Ok(None);
            }
            self.pass += 1;
            self.shrank = false;
            self.seen_in_pass.clear();
            self.progress = Progress::default();
            self.next = Some(1);
        };
        self.total = self.total.or(page.total);
        self.shrank |= page.total.is_some_and(|total| Some(total) < self.total);
        self.progress.items += page.items.len() as u64;
        self.progress.total = page.total.or(self.progress.total);
        let mut listed = page.listed(number, self.progress);
        listed.items.retain(|item| self.seen.insert(item.id()));
        Ok(Some((listed, self)))
    }

    /// Fetches all pages after the first.
    fn fetch_ahead(&mut self, last: u64) {
        let list = Arc::clone(&self.list);
        let parallel_pages = list.request.client().shared.parallel_pages;
        let page = move |number| {
            let list = Arc::clone(&list);
            async move { list.fetch_page(number).await }
        };
        self.ahead = Some(
            stream::iter(2..=last)
                .map(page)
                .buffered(parallel_pages)
                .boxed(),
        );
    }
}

/// Reads a list one page after another.
struct Reader<T: Resource> {
    list: Listing<T>,
    next: Option<u64>,
    total: Option<u64>,
    seen: HashSet<T::Id>,
    /// The last page that was read.
    furthest: u64,
}

impl<T: Resource> Reader<T> {
    fn new(list: Listing<T>) -> Self {
        Self {
            list,
            next: Some(1),
            total: None,
            seen: HashSet::new(),
            furthest: 0,
        }
    }

    async fn read(mut self) -> Result<Option<(Vec<T>, Self)>> {
        let Some(number) = self.next else {
            return Ok(None);
        };
        let mut page = self.list.fetch_page(number).await?;
        page.items.retain(|item| self.seen.insert(item.id()));

        let removed = self
            .total
            .zip(page.total)
            .map_or(0, |(was, is)| was.saturating_sub(is));
        self.next = if removed > 0 {
            // Later items moved up by as many positions, perhaps to pages already read.
            let pages = removed.div_ceil(self.list.per_page.into());
            Some(number.saturating_sub(pages).max(1))
        } else {
            // An API that repeats itself would be read without end.
            let is_known = number <= self.furthest;
            let is_progress = is_known || !page.items.is_empty() || page.has_skipped();
            page.next.filter(|_| is_progress)
        };
        self.furthest = self.furthest.max(number);
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
