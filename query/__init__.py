"""The read side: questions over any graph at any transaction. The language comes with a later release."""
