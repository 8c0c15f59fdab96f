"""From results to pages and files: HTML, JUnit, Markdown, summary."""
