//! `wippy inspect FILE`.
use super::{
    args::InspectArgs,
    exit::{Exit, Failure},
};
pub(super) fn inspect(_: &InspectArgs) -> Result<Exit, Failure> {
    Ok(Exit::Ok)
}
