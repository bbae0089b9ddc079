package org.sparkqwen.job.cli.report;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.sparkqwen.job.progress.Counters;

/// How many tokens of a run's prompts were computed, and how many were shared.
///
/// @param tokens tokens of the prompts, a prompt counted for each continuation or label
/// @param shared those that were computed for another continuation or label
public record SharedPrompts(long tokens, long shared) {
    /// Reads the counters of a run.
    public static SharedPrompts of(Counters counters) {
        return new SharedPrompts(
                counters.promptTokens().value(), counters.sharedTokens().value());
    }

    /// The facts for `_run.json`, named as those of generated texts.
    public Map<String, Object> toMap() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("prompt_tokens", tokens);
        facts.put("shared_tokens", shared);
        facts.put("hit_rate", tokens == 0 ? 0 : (double) shared / tokens);
        return facts;
    }

    /// The line for a person; none if there were no prompts.
    public List<String> lines() {
        return tokens == 0
                ? List.of()
                : List.of(
                        "prompts     %,d of %,d tokens computed, the others shared".formatted(tokens - shared, tokens));
    }
}
