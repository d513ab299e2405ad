//! Columns at work, on as many threads as there are.
//!
//! Beginning and drawing a column, hearing its sound and encoding each of its rungs are steps of their own; whichever can
//! be taken is taken by whichever thread is free. Each encoder still gets its pictures one after the other and in order,
//! so nothing of this can be seen in the bytes. A rung that is through with one column goes on with the next while others
//! finish, so no thread waits at a cut, and no rung ever has two encoders open.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Control;
use super::draw::Painter;
use super::presentation::{ColumnRequest, find};
use super::profile::Part;
use crate::av::{AudioReader, CodedPicture, Picture, VideoEncoder};
use crate::error::{Error, ErrorKind, Result};
use crate::mux::ts::AccessUnit;
use crate::plan::{Plan, Rung};

/// Columns under way at once: one is finished while the next is begun.
const COLUMNS: usize = 2;
/// The pictures that may wait for one rung, unless told otherwise: this bounds what is held besides encoders.
pub(super) const WAITING: usize = 2;

/// A column whose pictures and sound are encoded.
pub(super) struct Coded {
    pub(super) request: ColumnRequest,
    /// The rungs of the plan that were wanted, each with its pictures in decoding order.
    pub(super) pictures: Vec<(usize, Vec<CodedPicture>)>,
    /// Its sound; empty where none was wanted.
    pub(super) sound: Vec<AccessUnit>,
}

/// What makes the sound of a segment.
pub(super) type Hear<'j> = dyn Fn(&mut AudioReader, u32) -> Result<Vec<AccessUnit>> + Sync + 'j;

/// What names the columns to make, one after the other.
pub(super) type Next<'j> = dyn FnMut() -> Option<ColumnRequest> + Send + 'j;

/// What takes the columns that are coded, on the thread that runs the works.
pub(super) type Take<'t> = dyn FnMut(Coded) -> Result<ControlFlow<()>> + 't;

/// A place where columns are made.
pub(super) struct Works<'j> {
    plan: &'j Plan,
    hear: &'j Hear<'j>,
    control: &'j Control,
    state: Mutex<State<'j>>,
    /// Told when a column is done, and when nothing can go on.
    changed: Condvar,
}

struct State<'j> {
    /// One for each rung of the plan.
    lines: Vec<Line>,
    /// Away while a thread begins or draws a column.
    front: Option<Front<'j>>,
    /// Away while a thread hears.
    ear: Option<&'j mut AudioReader>,
    /// In the order in which they were begun.
    columns: VecDeque<Column>,
    /// Columns begun so far.
    begun: u64,
    /// Whether no other column is wanted.
    ended: bool,
    /// The pictures that may wait for one rung.
    waiting: usize,
    /// Threads that are at a step, or on their way to one.
    threads: usize,
    failure: Option<Error>,
}

/// Where columns begin.
struct Front<'j> {
    next: &'j mut Next<'j>,
    painter: Option<&'j mut Painter>,
    /// The column that is being drawn, and its rungs.
    drawing: Option<(u64, Vec<usize>)>,
}

/// A column under way.
struct Column {
    serial: u64,
    request: ColumnRequest,
    /// Its rungs, each with its pictures once they are encoded.
    pictures: Vec<(usize, Option<Vec<CodedPicture>>)>,
    sound: Sound,
}

impl Column {
    /// Whether all its pictures are encoded.
    fn is_seen(&self) -> bool {
        self.pictures.iter().all(|(_, pictures)| pictures.is_some())
    }
}

enum Sound {
    Wanted,
    Away,
    Done(Vec<AccessUnit>),
}

/// One rung's place: its encoder, and what waits for it.
struct Line {
    /// Pictures that a step takes at most: together as large as one of the largest rung. Steps are of like length then, an
    /// encoder finds in the cache what it left there, and no thread holds several of the largest pictures.
    at_once: usize,
    encoder: Option<VideoEncoder>,
    /// Whether a thread is at it; the encoder is away then.
    is_busy: bool,
    waiting: VecDeque<Item>,
}

impl Line {
    /// One for each rung.
    fn of(rungs: &[Rung]) -> Vec<Self> {
        let pixels = |rung: &Rung| rung.encoding.width as usize * rung.encoding.height as usize;
        let largest = rungs.iter().map(pixels).max().unwrap_or(0);
        let line = |rung| {
            let at_once = largest.checked_div(pixels(rung)).unwrap_or(1).max(1);
            Self { at_once, encoder: None, is_busy: false, waiting: VecDeque::new() }
        };
        rungs.iter().map(line).collect()
    }

    /// Whether the end of a column waits.
    fn ends(&self) -> bool {
        self.waiting.iter().any(|item| matches!(item, Item::End(_)))
    }
}

enum Item {
    Picture(Picture),
    /// The pictures of the column with this serial number are through.
    End(u64),
}

/// What a free thread can do next.
enum Step<'j> {
    Begin(Front<'j>),
    Draw(Front<'j>),
    Hear(u64, u32, &'j mut AudioReader),
    Encode { rung: usize, encoder: Option<VideoEncoder>, pictures: Vec<Picture>, ends: Option<u64> },
}

impl<'j> State<'j> {
    /// The rung whose pictures are encoded next. One whose column ends comes first: giving out all that its encoder looked
    /// ahead at is the longest step there is, and what begins it last makes the others wait. Else where most are waiting,
    /// for it would be the first to hold up drawing. Of equals the largest, which takes longest.
    fn next_line(&self) -> Option<usize> {
        let is_free = |line: &Line| !line.is_busy && !line.waiting.is_empty();
        let lines = self.lines.iter().enumerate().filter(|(_, line)| is_free(line));
        let urgency = |line: &Line| if line.ends() { usize::MAX } else { line.waiting.len() };
        lines.max_by_key(|&(rung, line)| (urgency(line), Reverse(rung))).map(|(rung, _)| rung)
    }

    fn next_to_hear(&self) -> Option<usize> {
        self.ear.as_ref()?;
        self.columns.iter().position(|column| matches!(column.sound, Sound::Wanted))
    }

    /// Whether a column waits for nothing but its sound.
    fn waits_for_sound(&self, column: usize) -> bool {
        self.columns.get(column).is_some_and(Column::is_seen)
    }

    fn can_begin_or_draw(&self) -> bool {
        let is_free = |line: &Line| line.waiting.len() < self.waiting;
        self.front.as_ref().is_some_and(|front| match front.drawing {
            Some(_) => self.lines.iter().all(is_free),
            None => !self.ended && self.columns.len() < COLUMNS,
        })
    }

    fn has_step(&self) -> bool {
        self.failure.is_none()
            && (self.next_line().is_some() || self.next_to_hear().is_some() || self.can_begin_or_draw())
    }

    /// Takes the next step that nobody is at. Drawing comes first, while there is room: encoders that wait for pictures
    /// leave threads without work. The sound of a column is heard when its pictures are through, or a thread finds nothing
    /// else: where few threads are busy all the time, its samples would come on top of encoders that are at their fullest.
    fn step(&mut self) -> Option<Step<'j>> {
        if self.failure.is_some() {
            return None;
        }
        let front = if self.can_begin_or_draw() { self.front.take() } else { None };
        if let Some(front) = front {
            return Some(match front.drawing {
                Some(_) => Step::Draw(front),
                None => Step::Begin(front),
            });
        }
        let line = self.next_line();
        let heard = self.next_to_hear().filter(|column| line.is_none() || self.waits_for_sound(*column));
        if let Some(column) = heard.and_then(|column| self.columns.get_mut(column))
            && let Some(ear) = self.ear.take()
        {
            column.sound = Sound::Away;
            return Some(Step::Hear(column.serial, column.request.segment, ear));
        }
        if let Some((rung, line)) = line.and_then(|rung| Some((rung, self.lines.get_mut(rung)?))) {
            line.is_busy = true;
            let (mut pictures, mut ends) = (Vec::new(), None);
            while ends.is_none()
                && pictures.len() < line.at_once
                && let Some(item) = line.waiting.pop_front()
            {
                match item {
                    Item::Picture(picture) => pictures.push(picture),
                    Item::End(serial) => ends = Some(serial),
                }
            }
            return Some(Step::Encode { rung, encoder: line.encoder.take(), pictures, ends });
        }
        None
    }

    /// The first column, if it is done.
    fn pop_coded(&mut self) -> Option<Coded> {
        let column = self.columns.front()?;
        if !column.is_seen() || !matches!(column.sound, Sound::Done(_)) {
            return None;
        }
        let Column { request, pictures, sound, .. } = self.columns.pop_front()?;
        let Sound::Done(sound) = sound else { return None };
        let pictures = pictures.into_iter().filter_map(|(rung, coded)| Some((rung, coded?))).collect();
        Some(Coded { request, pictures, sound })
    }

    fn column(&mut self, serial: u64) -> Option<&mut Column> {
        self.columns.iter_mut().find(|column| column.serial == serial)
    }

    /// The column that a rung is at: its serial number and its segment.
    fn column_of(&self, rung: usize) -> Option<(u64, u32)> {
        let lacks = |column: &&Column| {
            column.pictures.iter().any(|(wanted, coded)| *wanted == rung && coded.is_none())
        };
        self.columns.iter().find(lacks).map(|column| (column.serial, column.request.segment))
    }
}

impl<'j> Works<'j> {
    /// Works with a `painter` where the plan has pictures and an `ear` where it has sound.
    pub(super) fn new(
        plan: &'j Plan,
        next: &'j mut Next<'j>,
        painter: Option<&'j mut Painter>,
        ear: Option<&'j mut AudioReader>,
        hear: &'j Hear<'j>,
        control: &'j Control,
        waiting: usize,
    ) -> Self {
        let rungs = plan.video.as_ref().map_or(&[][..], |video| &video.rungs);
        let mut painter = painter;
        if let Some(painter) = &mut painter {
            // A run before this one may have been left in the midst of a column.
            painter.stop();
        }
        let state = State {
            lines: Line::of(rungs),
            front: Some(Front { next, painter, drawing: None }),
            ear,
            columns: VecDeque::new(),
            begun: 0,
            ended: false,
            waiting,
            threads: 0,
            failure: None,
        };
        Self { plan, hear, control, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Makes all columns and gives them to `take` in their order, until that has had enough; with a pool, on its
    /// threads, of which the calling one must be none.
    pub(super) fn run(self, pool: Option<&rayon::ThreadPool>, take: &mut Take<'_>) -> Result<()> {
        let taken = match pool {
            Some(pool) => pool.in_place_scope_fifo(|scope| {
                let most = pool.current_num_threads();
                self.spread(scope, most);
                let taken = self.hand_out(take, |state| self.wait(state), || self.spread(scope, most));
                self.stop();
                taken
            }),
            None => self.hand_out(take, |state| self.work(state), || ()),
        };
        taken?;
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state
            .failure
            .filter(|failure| failure.kind() != ErrorKind::Cancelled || self.control.is_cancelled())
            .map_or(Ok(()), Err)
    }

    /// Gives out columns as they are done. `go_on` returns when something may have changed, or `None` when nothing will;
    /// `room` is called when a column less is under way.
    fn hand_out<'s>(
        &'s self,
        take: &mut Take<'_>,
        go_on: impl Fn(MutexGuard<'s, State<'j>>) -> Option<MutexGuard<'s, State<'j>>>,
        room: impl Fn(),
    ) -> Result<()> {
        let mut state = self.lock();
        loop {
            if state.failure.is_some() || (state.ended && state.columns.is_empty()) {
                return Ok(());
            }
            if let Some(coded) = state.pop_coded() {
                drop(state);
                room();
                if take(coded)?.is_break() {
                    return Ok(());
                }
                state = self.lock();
                continue;
            }
            state =
                go_on(state).ok_or_else(|| Error::internal("columns are left and nothing can be done"))?;
        }
    }

    /// Waits until a thread of the pool has changed something.
    fn wait<'s>(&'s self, state: MutexGuard<'s, State<'j>>) -> Option<MutexGuard<'s, State<'j>>> {
        // A thread that has just left its step is about to send others.
        if state.threads == 0 && !state.has_step() {
            return None;
        }
        Some(self.changed.wait(state).unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes one step on this thread.
    fn work<'s>(&'s self, mut state: MutexGuard<'s, State<'j>>) -> Option<MutexGuard<'s, State<'j>>> {
        let step = state.step()?;
        drop(state);
        self.take(step);
        Some(self.lock())
    }

    /// Sends as many threads as find a step, `most` at once.
    fn spread<'s>(&'s self, scope: &rayon::ScopeFifo<'s>, most: usize) {
        let mut state = self.lock();
        // Each that finds one looks whether there is another.
        if state.threads < most && state.has_step() {
            state.threads += 1;
            scope.spawn_fifo(move |scope| self.turn(scope, most));
        }
    }

    /// One turn of a thread: a step, and then to the end of the pool's queue, for others may share the pool.
    fn turn<'s>(&'s self, scope: &rayon::ScopeFifo<'s>, most: usize) {
        let step = self.lock().step();
        let leaves = Leaves(self);
        if let Some(step) = step {
            self.spread(scope, most);
            self.take(step);
        }
        drop(leaves);
        self.spread(scope, most);
    }

    fn take(&self, step: Step<'j>) {
        if let Err(error) = self.control.check().and_then(|()| self.try_take(step)) {
            self.fail(error);
        }
    }

    fn try_take(&self, step: Step<'j>) -> Result<()> {
        match step {
            Step::Begin(front) => self.begin(front),
            Step::Draw(front) => self.draw(front),
            Step::Hear(serial, segment, ear) => {
                let sound = self.control.time(segment, Part::Sound, || (self.hear)(ear, segment));
                let sound = sound.map_err(|error| self.locate(error, Some(serial)))?;
                let mut state = self.lock();
                state.ear = Some(ear);
                if let Some(column) = state.column(serial) {
                    column.sound = Sound::Done(sound);
                }
                Ok(())
            }
            Step::Encode { rung, encoder, pictures, ends } => {
                let (at, segment) = self.lock().column_of(rung).unzip();
                let encode = || self.encode(rung, encoder, pictures, ends);
                let encoded = self.control.time(segment.unwrap_or(0), Part::Encode(rung), encode);
                encoded.map_err(|error| self.locate(error, at))
            }
        }
    }

    fn begin(&self, mut front: Front<'j>) -> Result<()> {
        let Some(request) = (front.next)() else {
            let mut state = self.lock();
            state.ended = true;
            state.front = Some(front);
            return Ok(());
        };
        let plan = self.plan;
        request.check(plan)?;
        let renditions = request.renditions.iter().map(|id| find(plan, *id)).collect::<Result<Vec<_>>>()?;
        let position = |name: &str| {
            let rungs = plan.video.iter().flat_map(|video| &video.rungs);
            rungs.into_iter().position(|rung| rung.name == name)
        };
        let rungs = renditions.iter().filter_map(|it| it.rung).filter_map(|rung| position(&rung.name));
        let rungs: Vec<usize> = rungs.collect();
        let wants_sound = renditions.iter().any(|rendition| rendition.audio.is_some());
        let slots = plan.frames(request.segment);
        let draws = front.painter.as_mut().filter(|_| !rungs.is_empty() && !slots.is_empty());
        if let Some(painter) = draws {
            let place = renditions.first().map_or("", |rendition| rendition.name);
            let begun = painter.begin(rungs.clone(), request.segment, slots, self.control);
            begun.map_err(|error| error.in_segment(place, request.segment))?;
        }
        let is_drawing = front.painter.as_ref().is_some_and(|painter| painter.is_drawing());
        let mut state = self.lock();
        let serial = state.begun;
        state.begun += 1;
        front.drawing = is_drawing.then(|| (serial, rungs.clone()));
        // Where there is nothing to draw, no picture is what comes of it.
        let none = || if is_drawing { None } else { Some(Vec::new()) };
        state.columns.push_back(Column {
            serial,
            request,
            pictures: rungs.into_iter().map(|rung| (rung, none())).collect(),
            sound: if wants_sound { Sound::Wanted } else { Sound::Done(Vec::new()) },
        });
        state.front = Some(front);
        Ok(())
    }

    fn draw(&self, mut front: Front<'j>) -> Result<()> {
        let serial = front.drawing.as_ref().map(|(serial, _)| *serial);
        let Some(painter) = &mut front.painter else {
            return Err(Error::internal("pictures are drawn of a plan without pictures"));
        };
        let drawn = painter.draw(self.control).map_err(|error| self.locate(error, serial))?;
        let is_through = !painter.is_drawing();
        let mut state = self.lock();
        for (rung, picture) in drawn {
            if let Some(line) = state.lines.get_mut(rung) {
                line.waiting.push_back(Item::Picture(picture));
            }
        }
        if let Some((serial, rungs)) = front.drawing.take_if(|_| is_through) {
            for rung in rungs {
                if let Some(line) = state.lines.get_mut(rung) {
                    line.waiting.push_back(Item::End(serial));
                }
            }
        }
        state.front = Some(front);
        Ok(())
    }

    fn encode(
        &self,
        rung: usize,
        mut encoder: Option<VideoEncoder>,
        pictures: Vec<Picture>,
        ends: Option<u64>,
    ) -> Result<()> {
        for picture in pictures {
            self.control.check()?;
            let encoder = match &mut encoder {
                Some(encoder) => encoder,
                None => {
                    let planned = self.plan.video.as_ref().and_then(|video| video.rungs.get(rung));
                    let planned =
                        planned.ok_or_else(|| Error::internal("pictures of a rung that is not planned"))?;
                    encoder.insert(VideoEncoder::new(&planned.encoding)?)
                }
            };
            encoder.encode(&picture)?;
            self.control.add_frames(1);
        }
        let mut coded = None;
        if ends.is_some() {
            coded = Some(encoder.take().map_or(Ok(Vec::new()), VideoEncoder::finish)?);
        }
        let mut state = self.lock();
        if let Some(line) = state.lines.get_mut(rung) {
            line.encoder = encoder;
            line.is_busy = false;
        }
        let column = ends.and_then(|serial| state.column(serial));
        let place = column.and_then(|column| column.pictures.iter_mut().find(|(wanted, _)| *wanted == rung));
        if let Some((_, pictures)) = place {
            *pictures = coded;
        }
        Ok(())
    }

    fn locate(&self, error: Error, serial: Option<u64>) -> Error {
        let mut state = self.lock();
        let Some(column) = serial.and_then(|serial| state.column(serial)) else { return error };
        let request = &column.request;
        let first = request.renditions.first().and_then(|id| self.plan.rendition(*id));
        error.in_segment(first.map_or("", |rendition| rendition.name), request.segment)
    }

    fn fail(&self, error: Error) {
        self.lock().failure.get_or_insert(error);
        self.changed.notify_all();
    }

    /// Lets no other step begin.
    fn stop(&self) {
        self.fail(Error::new(ErrorKind::Cancelled, "nobody wants more"));
    }

    fn lock(&self) -> MutexGuard<'_, State<'j>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells that a thread has left its step, also by a panic.
struct Leaves<'s, 'j>(&'s Works<'j>);

impl Drop for Leaves<'_, '_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.threads -= 1;
        if std::thread::panicking() {
            state.failure.get_or_insert_with(|| Error::internal("a thread ended before its work"));
        }
        drop(state);
        self.0.changed.notify_all();
    }
}
