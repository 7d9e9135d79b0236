"""What a person sees and presses: keys, head-up display, window and the loop that joins them."""
