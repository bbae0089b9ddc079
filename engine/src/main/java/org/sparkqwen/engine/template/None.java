package org.sparkqwen.engine.template;

/// Python's `None`.
enum None {
    NONE
}
