"""A client on asyncio, with the event loop that componentize-py brings."""

import asyncio

import poll_loop
import wit_world
from componentize_py_types import Err
from poll_loop import PollLoop, Sink, Stream
from urllib.parse import urljoin, urlsplit
from wit_world.imports import monotonic_clock, outgoing_handler, poll
from wit_world.imports.streams import StreamError_LastOperationFailed
from wit_world.imports.types import (
    Fields,
    Method_Get,
    Method_Post,
    OutgoingRequest,
    Scheme_Http,
    Scheme_Https,
    http_error_code,
)

LIMIT = 10


def request(method, url, fields=()):
    parts = urlsplit(url)
    made = OutgoingRequest(Fields.from_list(list(fields)))
    made.set_method(method)
    made.set_scheme(Scheme_Https() if parts.scheme == "https" else Scheme_Http())
    made.set_authority(parts.netloc)
    path = parts.path or "/"
    made.set_path_with_query(f"{path}?{parts.query}" if parts.query else path)
    return made


def header(response, name):
    values = response.headers().get(name)
    return values[0].decode() if values else None


async def read(response):
    """The pieces of a body."""
    stream = Stream(response.consume())
    while (piece := await stream.next()) is not None:
        yield piece


async def last(url):
    for _ in range(LIMIT):
        response = await poll_loop.send(request(Method_Get(), url))
        location = header(response, "location")
        if not 300 <= response.status() < 400 or location is None:
            return response
        async for _ in read(response):
            pass
        url = urljoin(url, location)
    raise RuntimeError("too many redirects")


async def line(response):
    body = b"".join([piece async for piece in read(response)])
    return f"{response.status()} {body.decode()}"


async def get(url):
    return await line(await last(url))


async def post(url, count):
    made = request(Method_Post(), url, [("content-length", str(count).encode())])
    body = made.body()
    sink = Sink(body)
    sending = asyncio.ensure_future(poll_loop.send(made))
    # It is sent when the loop runs next.
    await asyncio.sleep(0)
    pattern = bytes(range(251)) * 261
    sent = 0
    while sent < count:
        piece = pattern[: count - sent]
        await sink.send(piece)
        sent += len(piece)
    sink.close()
    return await line(await sending)


async def pieces(url):
    response = await last(url)
    lengths = [len(piece) async for piece in read(response)]
    return f"{response.status()} {sum(lengths)} {'one' if len(lengths) == 1 else 'more'}"


async def hurry(url, milliseconds):
    future = outgoing_handler.handle(request(Method_Get(), url), None)
    # The event loop waits for all that is waited for anywhere, so this is not its affair.
    with future.subscribe() as come, monotonic_clock.subscribe_duration(
        milliseconds * 1_000_000
    ) as late:
        poll.poll([come, late])
    response = future.get()
    if response is None:
        raise TimeoutError("late")
    if isinstance(response.value, Err):
        raise response.value
    return await line(response.value.value)


def told(work):
    """What comes of it, or the language's own word for what went wrong."""
    loop = PollLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(work)
    except Err as error:
        value = error.value
        if isinstance(value, StreamError_LastOperationFailed):
            value = http_error_code(value.value) or value
        return f"error: {type(value).__name__}"
    except Exception as error:
        return f"error: {type(error).__name__}: {error}"


class WitWorld(wit_world.WitWorld):
    def get(self, url: str) -> str:
        return told(get(url))

    def post(self, url: str, bytes: int) -> str:
        return told(post(url, bytes))

    def pieces(self, url: str) -> str:
        return told(pieces(url))

    def hurry(self, url: str, milliseconds: int) -> str:
        return told(hurry(url, milliseconds))
