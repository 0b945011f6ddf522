"""The explorer: one interactive page of depth, drivers and rough paths, whose numbers the package wrote."""

__all__: list[str] = []
