//! `wippy:process/mailbox`: what arrives, and what is sent.
//!
//! Waiting for mail is one command, a [`Wait`], however the mail is
//! meant: when it is answered with mail that somebody else may want, the rest of
//! the same time is waited. To look without waiting is to wait until the time 0,
//! so that mail which has come within the present step is seen.

use super::{alone, answer, convert, request_done};
use crate::{
    command::{ActorCommand, Clock, ClockCommand, Interest, Interests, Mail, Wait},
    component::{Answer, DeclareError, HostCx, Linker, Trap},
    imports::wasi::{
        call::{Args, Body, ask, ask_time, bind as bind_all, unexpected_argument},
        poll::{self, Filter, Pollable, take_mail},
    },
    process::Inbox,
    value::Value,
};

pub(super) fn bind(linker: &mut Linker) -> Result<(), DeclareError> {
    bind_all(linker, "wippy:process/mailbox", MAILBOX)
}

const MAILBOX: &[(&str, Body)] = &[
    ("send", |cx, args| {
        let (to, topic) = (args.string()?, args.string()?);
        let payload = convert::terms(cx, args);
        let command = payload.map(|payload| ActorCommand::Send { to, topic, payload });
        request_done(cx, command)
    }),
    ("receive", |cx, args| {
        let filter = filter(args)?;
        let timeout = match args.option()? {
            Some(value) => Some(Args::new(vec![value]).u64()?),
            None => None,
        };
        if let Some(fault) = alone(cx) {
            return answer(cx, Err(fault.into()));
        }
        cx.state::<Inbox>().listen();
        if let Some(mail) = take_mail(cx, &filter) {
            return received(cx, Some(mail));
        }
        match timeout {
            None => receive(cx, filter, None),
            // Looks at what has come since the step began.
            Some(0) => receive(cx, filter, Some(0)),
            Some(timeout) => ask_time(ClockCommand::Now(Clock::Monotonic), move |cx, now| {
                // The end of time is never reached.
                receive(cx, filter, Some(now.saturating_add(timeout)))
            }),
        }
    }),
    ("subscribe", |cx, args| {
        let filter = filter(args)?;
        if let Some(fault) = alone(cx) {
            return answer(cx, Err(fault.into()));
        }
        cx.state::<Inbox>().listen();
        let pollable = poll::add(cx, Pollable::Mail(filter))?;
        answer(cx, Ok(Some(pollable)))
    }),
];

/// A `filter`.
fn filter(args: &mut Args) -> Result<Filter, Trap> {
    match args.case()? {
        (0, None) => Ok(Filter::All),
        (1, None) => Ok(Filter::Messages),
        (2, Some(Value::String(topic))) => Ok(Filter::Topic(topic.into())),
        (3, None) => Ok(Filter::Notices),
        _ => Err(unexpected_argument()),
    }
}

/// Waits for mail. More may have come since it was looked for last: whenever the
/// process goes on after a command.
fn receive(cx: &mut HostCx<'_>, filter: Filter, until: Option<u64>) -> Result<Answer, Trap> {
    if let Some(mail) = take_mail(cx, &filter) {
        return received(cx, Some(mail));
    }
    let on = Interests::of(Interest::Mail);
    ask(Wait::new(on.clone(), until), move |cx, reply| {
        let ready = reply.ready_of(&on, until.is_some())?;
        if ready.on.contains(Interest::Mail) {
            return receive(cx, filter, until);
        }
        let mail = take_mail(cx, &filter);
        received(cx, mail)
    })
}

fn received(cx: &mut HostCx<'_>, mail: Option<Mail>) -> Result<Answer, Trap> {
    let mail = mail.map(|mail| convert::mail(cx, mail)).transpose();
    answer(cx, mail.map(|mail| Some(Value::from(mail))))
}
