//! Where the numbers stand: a row of cells for each thread, written by that thread alone and added up by a scrape.
