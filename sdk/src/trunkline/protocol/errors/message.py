"""A message is wrong, or the log does not have it."""

from trunkline.protocol.errors.base import NotFoundError, RequestError


class MessageError(RequestError):
    code, status = "message.bad", 422
    title = "The message cannot be accepted"
    remedy = "Correct the message and publish it again."


class EnvelopeInvalidError(MessageError):
    code, status = "message.envelope_invalid", 422
    title = "The message is not a CloudEvent 1.0"
    remedy = "Give it `specversion`, `id`, `source` and `type` as CloudEvents 1.0 demands."


class PayloadInvalidError(MessageError):
    code, status = "message.payload_invalid", 422
    title = "The payload does not match the declared schema"
    remedy = "Correct the fields listed under `errors`; the skill, queue or event type states the schema."


class MessageTooLargeError(MessageError):
    code, status = "message.too_large", 413
    title = "The message is larger than the broker accepts"
    remedy = (
        "Publish it with the SDK, which sends large payloads by reference, or store it as a blob and send `dataref`."
    )


class EventUnknownError(NotFoundError):
    code = "event.unknown"
    title = "There is no such event in the log"
    remedy = "It may have left the log by age or size."


class MessageExpiredError(MessageError):
    code = "message.expired"
    title = "The message's time was over before a worker took it"
    remedy = "Add workers, give the work more time (`expires_in_s`), or redrive the dead letter."
