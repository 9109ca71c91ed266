//! Rules by which taint moves with value: poison, haircut, FIFO, LIFO, TIHO. Never reads a file.
