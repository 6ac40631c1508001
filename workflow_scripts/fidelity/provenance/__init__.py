"""Record where results come from: code, config, inputs, machine, and what each step cost."""
