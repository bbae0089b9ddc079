package org.sparkqwen.engine.tokenizer;

/// The ids that a tokenizer's post-processor puts around the ids of a text.
///
/// @param before must not be written to
/// @param after must not be written to
record Affixes(int[] before, int[] after) {
    static final Affixes NONE = new Affixes(new int[0], new int[0]);
}
