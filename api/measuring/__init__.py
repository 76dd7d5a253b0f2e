"""What a plan needs to know of real machines: rates, bandwidths, delays, powers and layer times, as measured."""
