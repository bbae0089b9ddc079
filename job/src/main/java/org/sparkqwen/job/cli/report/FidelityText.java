package org.sparkqwen.job.cli.report;

import java.util.List;
import org.sparkqwen.engine.checkpoint.Fidelity;
import org.sparkqwen.engine.message.Quote;

/// What an encoding of weights changes, as lines for a person.
public final class FidelityText {
    private FidelityText() {}

    /// Returns what was compared, and then the figures, which are one line each.
    public static List<String> lines(Fidelity fidelity) {
        return List.of(
                "compared with the published weights on %,d tokens of %s"
                        .formatted(fidelity.tokens(), Quote.of(fidelity.text())),
                "divergence %.3g nats a token, at most %.3g for 99.9 %% of them"
                        .formatted(fidelity.meanDivergence(), fidelity.highDivergence()),
                "perplexity %.4f, which was %.4f: %+.3f %%"
                        .formatted(
                                fidelity.perplexity(),
                                fidelity.publishedPerplexity(),
                                100 * fidelity.perplexityChange()),
                "the same likeliest token for %.2f %% of them".formatted(100 * fidelity.agreement()));
    }
}
