"""Bodies of the upload calls. Imported by HTTP functions only."""

from dispatch.core.views import Body, Line, by_example


class UploadBody(Body):
    """What is going to be uploaded."""

    model_config = by_example({"content_type": "image/jpeg"})

    content_type: Line
