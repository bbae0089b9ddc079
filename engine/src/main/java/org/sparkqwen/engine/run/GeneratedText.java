package org.sparkqwen.engine.run;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.tokenizer.StreamingDecoder;
import org.sparkqwen.engine.tokenizer.Tokenizer;

/// The text of generated tokens. It finds where a stop text ends it, where its reasoning ends, and what of it is shown.
///
/// Stop texts are searched in the whole text. Special tokens are only left out of what is shown.
final class GeneratedText {
    static final String OPENING_TAG = "<think>";
    static final String CLOSING_TAG = "</think>";

    private static final int NOT_YET = -1; // the value that String.indexOf returns

    private final Tokenizer tokenizer;
    private final StreamingDecoder decoder;
    private final List<String> stops;
    private final int longestStop;
    private final boolean showSpecialTokens;
    private final StringBuilder text = new StringBuilder();
    private final List<Span> hidden = new ArrayList<>(); // in their order
    private int firstStop; // where a stop text may begin
    private int answer = NOT_YET; // where it begins, after the closing tag
    private boolean stopped;

    /// A piece of the text, `[start, end)`.
    private record Span(int start, int end) {}

    /// The shown parts of a text.
    ///
    /// @param reasoning null if there is none
    record Shown(@Nullable String reasoning, String answer) {}

    GeneratedText(Tokenizer tokenizer, List<String> stops, boolean showSpecialTokens) {
        this.tokenizer = tokenizer;
        this.stops = stops;
        this.showSpecialTokens = showSpecialTokens;
        decoder = tokenizer.streamingDecoder();
        longestStop = stops.stream().mapToInt(String::length).max().orElse(0);
    }

    /// Adds a token; returns whether the text now ends.
    ///
    /// @param look whether the text may end; if not, stop texts in it are ignored
    boolean append(int token, boolean look) {
        int from = Math.max(firstStop, text.length() - longestStop + 1);
        text.append(decoder.accept(token));
        if (!showSpecialTokens && tokenizer.isSpecialToken(token)) {
            int length = tokenizer.decode(new int[] {token}).length();
            hidden.add(new Span(text.length() - length, text.length()));
        }
        if (!look) {
            firstStop = text.length();
            return false;
        }
        int end = stops.stream()
                .mapToInt(stop -> text.indexOf(stop, from))
                .filter(at -> at >= 0)
                .min()
                .orElse(-1);
        if (end >= 0) {
            text.setLength(end);
            stopped = true;
        }
        return stopped;
    }

    /// Adds the token that ended the text. It is shown only if it is a special token, and only on demand.
    void appendEnd(int token) {
        if (showSpecialTokens && tokenizer.isSpecialToken(token)) {
            text.append(decoder.accept(token));
        }
    }

    /// Notes that the last token was the closing tag of the reasoning, so the answer begins here.
    void beginAnswer() {
        if (answer == NOT_YET) {
            answer = text.length();
        }
    }

    /// Ends the text. A character that its last token left unfinished becomes U+FFFD.
    ///
    /// @param reasoning the start of the reasoning
    /// @param exact whether the answer must stay as the constraint demands, to the character
    Shown finish(ReasoningStart reasoning, boolean exact) {
        if (!stopped) {
            text.append(decoder.finish());
        }
        if (reasoning == ReasoningStart.NONE) {
            return new Shown(null, shown(0, text.length()));
        }
        int opened = afterOpeningTag();
        int closing = exact && answer == NOT_YET ? NOT_YET : closingTag();
        if (closing < 0) {
            boolean reasoned = reasoning == ReasoningStart.OPEN || opened > 0 || exact;
            return reasoned
                    ? new Shown(strippedOfLineBreaks(shown(opened, text.length())), "")
                    : new Shown(null, shown(0, text.length()));
        }
        int begin = Math.min(closing + CLOSING_TAG.length(), text.length());
        String told = shown(begin, text.length());
        return new Shown(
                strippedOfLineBreaks(shown(Math.min(opened, closing), closing)),
                exact ? told : withoutLineBreaks(told));
    }

    /// The index of the closing tag: that of the token, or else the first that the text spells.
    private int closingTag() {
        return answer == NOT_YET ? text.indexOf(CLOSING_TAG) : Math.min(answer - CLOSING_TAG.length(), text.length());
    }

    /// The index of the reasoning's start: after the opening tag if the text has one, else 0.
    private int afterOpeningTag() {
        int start = 0;
        while (start < text.length() && Character.isWhitespace(text.charAt(start))) {
            start++;
        }
        return text.indexOf(OPENING_TAG, start) == start ? start + OPENING_TAG.length() : 0;
    }

    private String shown(int from, int to) {
        StringBuilder shown = new StringBuilder();
        int next = from;
        for (Span span : hidden) {
            if (span.start() >= next && span.start() < to) {
                shown.append(text, next, span.start());
                next = Math.min(span.end(), to);
            }
        }
        return shown.append(text, next, to).toString();
    }

    private static String withoutLineBreaks(String text) {
        int start = 0;
        while (start < text.length() && text.charAt(start) == '\n') {
            start++;
        }
        return text.substring(start);
    }

    private static String strippedOfLineBreaks(String text) {
        int end = text.length();
        while (end > 0 && text.charAt(end - 1) == '\n') {
            end--;
        }
        return withoutLineBreaks(text.substring(0, end));
    }
}
