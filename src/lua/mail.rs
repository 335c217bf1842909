//! Mail, as channels take it.

use mlua::{Function, Lua, MultiValue, Result, Value};

use super::{primitives::Primitives, values::from_term};
use crate::command::{Ending, ErrorKind, Mail, Message, Pid, ProcessError};

/// Topics that are remembered because they are no longer listened to.
const MAX_MUTED: usize = 1024;

pub(super) fn primitive(
    lua: &Lua,
    primitives: &Primitives,
    name: &str,
) -> Result<Option<Function>> {
    let own = primitives.clone();
    let primitive = match name {
        // `@inbox`, `@events` or a topic.
        "take" => lua.create_function(move |lua, source: String| {
            let mut state = own.state();
            if !state.muted.is_empty() {
                let muted = std::mem::take(&mut state.muted);
                let is_muted = |mail: &Mail| {
                    matches!(mail, Mail::Message(message) if muted.contains(&*message.topic))
                };
                while state.inbox.take(is_muted).is_some() {}
                state.muted = muted;
            }
            let topics = std::mem::take(&mut state.topics);
            let mail = state.inbox.take(|mail| match (mail, source.as_str()) {
                (Mail::Message(message), "@inbox") => !topics.contains(&*message.topic),
                (Mail::Message(message), topic) => *message.topic == *topic,
                (_, source) => source == "@events",
            });
            state.topics = topics;
            drop(state);
            match mail {
                Some(mail) => {
                    let work = mail.size() / 16;
                    own.budget.charge(i64::try_from(work).unwrap_or(i64::MAX));
                    values(lua, &own, mail)
                }
                None => Ok(MultiValue::new()),
            }
        }),
        "listen_events" => lua.create_function(move |_, ()| {
            own.state().inbox.listen();
            Ok(())
        }),
        "listen" => lua.create_function(move |_, (topic, on): (String, bool)| {
            let mut state = own.state();
            if on {
                state.muted.remove(topic.as_str());
                state.topics.insert(topic.into());
            } else {
                // What comes of a topic that was listened to is for nobody.
                state.topics.remove(topic.as_str());
                if state.muted.len() < MAX_MUTED {
                    state.muted.insert(topic.into());
                }
            }
            Ok(())
        }),
        _ => return Ok(None),
    };
    primitive.map(Some)
}

/// The parts of a mail that `modules/process.lua` makes objects of.
fn values(lua: &Lua, primitives: &Primitives, mail: Mail) -> Result<MultiValue> {
    let text = |text: &str| Ok::<_, mlua::Error>(Value::String(lua.create_string(text)?));
    let who = |pid: Option<&Pid>| pid.map_or(Ok(Value::Nil), |pid| text(pid.as_str()));
    let mut values = match mail {
        Mail::Message(Message { from, topic, payload, .. }) => {
            let mut values = vec![text("message")?, text(&topic)?, who(from.as_ref())?, Value::Nil];
            let mut data = Vec::with_capacity(payload.len());
            for term in &payload {
                match from_term(lua, term) {
                    Ok(value) => data.push(value),
                    Err(why) => {
                        let fault = ProcessError::new(ErrorKind::Invalid, why);
                        values.truncate(3);
                        values.push(primitives.error(lua, &fault)?);
                        data.clear();
                        break;
                    }
                }
            }
            values.extend(data);
            values
        }
        Mail::Exit { from, result } => ending(lua, primitives, text("exit")?, &from, &result)?,
        Mail::LinkDown { from, result } => ending(lua, primitives, text("link")?, &from, &result)?,
        Mail::Cancel { from, reason } => {
            vec![text("cancel")?, who(from.as_ref())?, text(&reason)?]
        }
    };
    values.shrink_to_fit();
    Ok(values.into_iter().collect())
}

fn ending(
    lua: &Lua,
    primitives: &Primitives,
    what: Value,
    from: &Pid,
    result: &Ending,
) -> Result<Vec<Value>> {
    let mut values = vec![what, Value::String(lua.create_string(from.as_str())?)];
    let result = match result {
        Ok(term) => from_term(lua, term).map_err(|why| ProcessError::new(ErrorKind::Invalid, why)),
        Err(fault) => Err(fault.clone()),
    };
    match result {
        Ok(value) => values.push(value),
        Err(fault) => values.extend([Value::Nil, primitives.error(lua, &fault)?]),
    }
    Ok(values)
}
