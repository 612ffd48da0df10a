"""What every capability stands on: time, ids, settings, transactions, events, errors, HTTP."""
