package org.sparkqwen.engine.sampling;

import java.io.Serializable;
import java.util.List;

/// How tokens are chosen and when a text ends.
///
/// @param maxNewTokens tokens generated at most
/// @param temperature divides logits; 0 is greedy decoding
/// @param topK only the K likeliest tokens; 0 for all
/// @param topP only the likeliest tokens that reach this probability together; 1 for all
/// @param minP only tokens at least this fraction as likely as the likeliest; 0 for all
/// @param seed of the random generator, together with the prompt and the sample's number
/// @param stop texts that end the output; the output ends before the first of them
/// @param stopTokenIds ids that end the output, beside the model's end-of-text ids
public record SamplingParams(
        int maxNewTokens,
        double temperature,
        int topK,
        double topP,
        double minP,
        long seed,
        List<String> stop,
        List<Integer> stopTokenIds)
        implements Serializable {

    public SamplingParams {
        require(maxNewTokens >= 1, "max-new-tokens must be at least 1, not " + maxNewTokens);
        require(
                temperature >= 0 && Double.isFinite(temperature),
                "temperature must be a number of at least 0, not " + temperature);
        require(topK >= 0, "top-k must be at least 0, not " + topK);
        require(topP > 0 && topP <= 1, "top-p must be above 0 and at most 1, not " + topP);
        require(minP >= 0 && minP <= 1, "min-p must be from 0 to 1, not " + minP);
        require(stop.stream().noneMatch(String::isEmpty), "a stop text must not be empty");
        stop = List.copyOf(stop);
        stopTokenIds = List.copyOf(stopTokenIds);
    }

    public boolean greedy() {
        return temperature == 0;
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }
}
