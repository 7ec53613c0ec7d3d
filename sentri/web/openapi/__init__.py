"""The endpoints as an OpenAPI 3.1 document, made from the rows that serve them and the types that parse them."""

from sentri.web.openapi.document import describe

__all__ = ["describe"]
