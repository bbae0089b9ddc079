package org.sparkqwen.engine.tokenizer;

/// A token that is matched in the text itself, before the text is split into words.
///
/// @param content the token's text, which is not empty
/// @param special whether it is a command to the model rather than text, such as `<|endoftext|>`
/// @param normalized whether it is matched in the normalized text, by its own normal form
/// @param lstrip whether it takes the white space before it along
/// @param rstrip whether it takes the white space after it along
/// @param singleWord whether it counts only where no letter, digit or underscore touches it
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
