package org.sparkqwen.engine.tokenizer;

/// The ids that a tokenizer's post-processor puts around the ids of a text.
///
/// @param before not to be written to
/// @param after not to be written to
record Affixes(int[] before, int[] after) {
    static final Affixes NONE = new Affixes(new int[0], new int[0]);
}
