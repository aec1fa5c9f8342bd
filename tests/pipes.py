"""A student's objects at the other end of two binary streams, without the grader's limits."""

from coursekit.checks.codec import read_frame, write_frame
from coursekit.checks.pipe import pack_answer, question, remote_student, respond
from coursekit.checks.server import ObjectServer


def pipe_student(reader, writer):
    """A `StudentProxy` whose objects answer at the other end of two binary streams."""

    def exchange(description, arrays):
        write_frame(writer, description, arrays)
        return read_frame(reader)

    return remote_student(exchange)


def serve(objects, reader, writer):
    """Answer questions about `objects` until the question "end" comes or the stream ends."""
    server = ObjectServer(objects)
    respond(lambda *asked: pack_answer(server.answer, server.keep, *asked), reader, writer)


def end(writer):
    """Tell `serve` to return."""
    write_frame(writer, *question("end"))
