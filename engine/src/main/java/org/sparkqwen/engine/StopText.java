package org.sparkqwen.engine;

import java.util.List;
import org.sparkqwen.engine.tokenizer.StreamingDecoder;

/// The text of generated tokens, which ends before the first stop text in it.
final class StopText {
    private final StreamingDecoder decoder;
    private final List<String> stops;
    private final int longestStop;
    private final StringBuilder text = new StringBuilder();
    private boolean stopped;

    StopText(StreamingDecoder decoder, List<String> stops) {
        this.decoder = decoder;
        this.stops = stops;
        longestStop = stops.stream().mapToInt(String::length).max().orElse(0);
    }

    /// Adds a token; returns whether the text now ends.
    boolean append(int token) {
        add(decoder.accept(token));
        return stopped;
    }

    /// The whole text.
    String finish() {
        if (!stopped) {
            add(decoder.finish());
        }
        return text.toString();
    }

    private void add(String more) {
        int from = Math.max(0, text.length() - longestStop + 1);
        text.append(more);
        int end = stops.stream()
                .mapToInt(stop -> text.indexOf(stop, from))
                .filter(at -> at >= 0)
                .min()
                .orElse(-1);
        if (end >= 0) {
            text.setLength(end);
            stopped = true;
        }
    }
}
