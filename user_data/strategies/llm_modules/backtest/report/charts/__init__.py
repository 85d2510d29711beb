"""The pictures of a report: each a function from facts to a figure of plotly, or to nothing."""
