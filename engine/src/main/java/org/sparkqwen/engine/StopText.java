package org.sparkqwen.engine;

import java.util.List;
import org.sparkqwen.engine.tokenizer.StreamingDecoder;

/// The text of generated tokens, which ends before the first stop text in it.
final class StopText {
    private final StreamingDecoder decoder;
    private final List<String> stops;
    private final int longestStop;
    private final StringBuilder text = new StringBuilder();
    private int firstStop; // where a stop text may begin
    private boolean stopped;

    StopText(StreamingDecoder decoder, List<String> stops) {
        this.decoder = decoder;
        this.stops = stops;
        longestStop = stops.stream().mapToInt(String::length).max().orElse(0);
    }

    /// Adds a token; returns whether the text now ends.
    ///
    /// @param look whether it may end; else a stop text in it counts for nothing
    boolean append(int token, boolean look) {
        int from = Math.max(firstStop, text.length() - longestStop + 1);
        text.append(decoder.accept(token));
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

    /// The whole text; a character that its last token left unfinished is U+FFFD.
    String finish() {
        return stopped ? text.toString() : text + decoder.finish();
    }
}
