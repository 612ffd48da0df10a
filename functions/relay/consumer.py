"""DynamoDB stream: recorded events, published in order."""

from dispatch.core import consumers
from dispatch.core.relay import publish

handler = consumers.stream_handler(publish)
