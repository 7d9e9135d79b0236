"""The memory demonstration: routes that come back, what was seen then and now, and the same without the memory."""
