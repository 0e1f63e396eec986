"""What every package stands on: clock, errors, supervision, units."""
