"""What an operator can see: metrics, traces and logs. Nothing here decides anything."""
