package org.sparkqwen.engine.tokenizer;

import java.util.List;
import java.util.random.RandomGenerator;

/// Random texts made of characters that are difficult for tokenizers, from a seeded generator.
final class RandomTexts {
    private static final String WHITE_SPACE = "\t\n\u000B\f\r \u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005"
            + "\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000"
            // These characters look like white space but are not.
            + "\u001C\u001D\u001E\u001F\u180E\u200B\u200D\u2060\uFEFF";
    private static final String CONTRACTED = "sStTrReEvVmMlLdD\u017F\u212A\u0130\u0131\uFB05\uFB06";
    private static final String PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~«»’“”…–—。、！€©\u00AD\uFFFD";
    private static final List<String> ADDED = List.of(
            "<|endoftext|>",
            "<|im_start|>",
            "<|im_end|>",
            "<think>",
            "</think>",
            "<tool_call>",
            "</tool_response>",
            "<|fim_pad|>",
            "<|box_end|>");
    private static final List<String> EMOJI = List.of("👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "1️⃣", "🧑🏿‍🚀");

    /// Blocks of interesting characters, as first and last code point.
    private static final int[][] BLOCKS = {
        {0x20, 0x7E},
        {0x80, 0xFF},
        {0x100, 0x24F},
        {0x250, 0x2FF},
        {0x370, 0x3FF},
        {0x400, 0x52F},
        {0x590, 0x5FF},
        {0x600, 0x6FF},
        {0x7C0, 0x8FF},
        {0x900, 0xDFF},
        {0xE00, 0xEFF},
        {0xF00, 0xFFF},
        {0x1000, 0x109F},
        {0x1100, 0x11FF},
        {0x1680, 0x17FF},
        {0x1AB0, 0x1AFF},
        {0x1C80, 0x1DFF},
        {0x1E00, 0x1FFF},
        {0x2000, 0x206F},
        {0x2070, 0x218F},
        {0x2190, 0x23FF},
        {0x2460, 0x24FF},
        {0x2E80, 0x303F},
        {0x3040, 0x30FF},
        {0x3100, 0x33FF},
        {0x4E00, 0x9FFF},
        {0xA000, 0xABFF},
        {0xAC00, 0xD7FF},
        {0xE000, 0xE0FF},
        {0xF900, 0xFAFF},
        {0xFB00, 0xFDFF},
        {0xFE00, 0xFFFF},
        {0x10000, 0x107FF},
        {0x10800, 0x10FFF},
        {0x11000, 0x11FFF},
        {0x12000, 0x12FFF},
        {0x16100, 0x16FFF},
        {0x1B000, 0x1B1FF},
        {0x1D000, 0x1D7FF},
        {0x1E000, 0x1EFFF},
        {0x1F000, 0x1FAFF},
        {0x20000, 0x20FFF},
        {0x2F800, 0x2FA1F},
        {0xE0000, 0xE01FF},
        {0x10FF00, 0x10FFFF},
    };

    private final RandomGenerator random;

    RandomTexts(RandomGenerator random) {
        this.random = random;
    }

    /// Returns a text of up to `parts` parts.
    String next(int parts) {
        StringBuilder text = new StringBuilder();
        int[] block = BLOCKS[random.nextInt(BLOCKS.length)];
        for (int i = random.nextInt(parts + 1); i > 0; i--) {
            switch (random.nextInt(14)) {
                case 0 -> repeated(text, charOf(WHITE_SPACE));
                case 1 -> text.append(charOf(" \n\r\t "));
                case 2 -> text.append('\'').append(charOf(CONTRACTED)).append(charOf(CONTRACTED));
                case 3 -> text.append(charOf(PUNCTUATION));
                case 4 -> repeated(text, charOf(PUNCTUATION));
                case 5 -> text.append(random.nextInt(10_000));
                case 6 -> text.append(added());
                case 7 -> text.append(EMOJI.get(random.nextInt(EMOJI.size())));
                case 8 -> marks(text);
                case 9 -> jamo(text);
                case 10 -> text.append(' ').append(word());
                case 11 -> text.append(word());
                case 12 -> text.appendCodePoint(codePoint(BLOCKS[random.nextInt(BLOCKS.length)]));
                default -> {
                    for (int j = random.nextInt(8); j >= 0; j--) {
                        text.appendCodePoint(codePoint(block));
                    }
                }
            }
        }
        return text.toString();
    }

    /// Returns a text with some of `tokens` in it, after and before white space, words, marks and each other.
    String around(List<String> tokens) {
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(6); i >= 0; i--) {
            switch (random.nextInt(6)) {
                case 0 -> text.append(next(2));
                case 1 -> text.append(charOf(WHITE_SPACE));
                case 2 -> text.append(charOf(WHITE_SPACE)).append(charOf(" \n"));
                case 3 -> text.append(charOf("aZ9_-é\u0301\u200D\u203F\u00AA\u0661"));
                default -> {}
            }
            String token = tokens.get(random.nextInt(tokens.size()));
            text.append(random.nextInt(8) == 0 ? token.substring(random.nextInt(token.length())) : token);
        }
        return text.append(random.nextBoolean() ? next(2) : "").toString();
    }

    private String added() {
        String token = ADDED.get(random.nextInt(ADDED.size()));
        return switch (random.nextInt(4)) {
            case 0 -> token.substring(0, random.nextInt(token.length()));
            case 1 -> token.substring(random.nextInt(token.length()));
            default -> token;
        };
    }

    /// Appends a letter and marks of several combining classes in any order.
    private void marks(StringBuilder text) {
        text.appendCodePoint(codePoint(BLOCKS[random.nextInt(BLOCKS.length)]));
        for (int i = random.nextInt(5); i >= 0; i--) {
            text.appendCodePoint(
                    switch (random.nextInt(4)) {
                        case 0 -> 0x300 + random.nextInt(0x70);
                        case 1 ->
                            charOf("\u05B0\u05BC\u064B\u0651\u093C\u094D\u09BE\u09D7\u0DCA\u0E38\u0F71\u302A\u3099");
                        case 2 -> charOf("\u0344\u0F73\u2126\u212B\u0958\uFB2A\u1E0A\u1EAD\u1F82\u0CCB");
                        default -> codePoint(new int[] {0x591, 0x65F});
                    });
        }
    }

    private void jamo(StringBuilder text) {
        for (int i = random.nextInt(4); i >= 0; i--) {
            text.appendCodePoint(
                    switch (random.nextInt(4)) {
                        case 0 -> 0x1100 + random.nextInt(20);
                        case 1 -> 0x1160 + random.nextInt(24);
                        case 2 -> 0x11A6 + random.nextInt(30);
                        default -> 0xAC00 + 28 * random.nextInt(399) + random.nextInt(2);
                    });
        }
    }

    private String word() {
        StringBuilder word = new StringBuilder();
        for (int i = random.nextInt(10); i >= 0; i--) {
            word.append(charOf("etaoinshrdluETAOIN"));
        }
        return word.toString();
    }

    private void repeated(StringBuilder text, char c) {
        text.repeat(c, random.nextInt(1, 6));
    }

    private char charOf(String choices) {
        return choices.charAt(random.nextInt(choices.length()));
    }

    /// Returns a code point that may be unassigned, but is not a surrogate, because Hugging Face's tokenizers
    /// do not take surrogates.
    private int codePoint(int[] block) {
        return random.nextInt(block[0], block[1] + 1);
    }
}
