//! `aqueduct publish`: make what is missing, and store it.

#[cfg(feature = "av")]
mod run;
#[cfg(feature = "av")]
mod signals;

#[cfg(feature = "av")]
pub(crate) use run::run;

/// A build without libav looks at the input and says what it lacks.
#[cfg(not(feature = "av"))]
pub(crate) fn run(
    job: &crate::job::PublishJob,
    _: &crate::output::Console,
) -> Result<(), crate::exit::Failure> {
    aqueduct_service::Destination::parse(&job.destination, &job.store)?;
    crate::input::open(&job.input)?;
    Err(crate::input::without_av())
}
