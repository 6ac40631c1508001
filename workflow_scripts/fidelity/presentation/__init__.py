"""What tables, figures, verdict and pages share: words and numbers, templates, one style sheet."""
