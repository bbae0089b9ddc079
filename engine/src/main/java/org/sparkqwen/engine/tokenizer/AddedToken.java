package org.sparkqwen.engine.tokenizer;

/// A token that is matched in the text itself, before it is split into words.
///
/// @param content not empty
/// @param special a command to the model rather than text, such as `<|endoftext|>`
/// @param normalized whether it is looked for in the normalized text, by its own normal form
/// @param lstrip whether it takes the white space before it along
/// @param rstrip whether it takes the white space behind it along
/// @param singleWord whether it only counts where no letter, digit or underscore touches it
record AddedToken(
        int id,
        String content,
        boolean special,
        boolean normalized,
        boolean lstrip,
        boolean rstrip,
        boolean singleWord) {

    AddedToken withId(int value) {
        return new AddedToken(value, content, special, normalized, lstrip, rstrip, singleWord);
    }

    AddedToken asSpecial() {
        return new AddedToken(id, content, true, normalized, lstrip, rstrip, singleWord);
    }
}
