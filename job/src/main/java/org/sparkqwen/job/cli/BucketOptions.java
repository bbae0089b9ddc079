package org.sparkqwen.job.cli;

import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.job.ScoreJob;
import org.sparkqwen.job.buckets.Buckets;
import org.sparkqwen.job.buckets.Percentiles;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.columns.GroupColumn;
import org.sparkqwen.job.failure.Refusal;
import picocli.CommandLine.Option;

/// The options that divide scored documents into head, middle and tail.
final class BucketOptions {
    @Option(
            names = "--buckets",
            paramLabel = "A,B",
            description = "The output gets one more column, bucket. It is head for documents up to percentile A,"
                    + " middle for others up to percentile B, and tail for the rest, such as with 30,60. The head"
                    + " has the lowest values, which is the text that the model foresees best. Percentiles are"
                    + " exact, and equal values are in the same bucket. They need all scores, so the documents are"
                    + " scored first and then copied to --output with their buckets. Default: none.")
    private @Nullable String buckets;

    @Option(
            names = "--buckets-of",
            paramLabel = "COLUMN",
            description = "The percentiles are those of bits_per_byte or perplexity, or with --reference-model of"
                    + " excess_nll, of which the tail has most. Default: bits_per_byte.")
    private Buckets.@Nullable Figure figure;

    @Option(
            names = Buckets.BY,
            paramLabel = "NAME",
            description = "Each value of this input column, such as a language, has percentiles of its own. It need not"
                    + " pass through to the output, and it has at most "
                    + Buckets.MOST_GROUPS
                    + " values. Default: none; the percentiles are those of all documents.")
    private @Nullable String by;

    /// Returns the buckets; null if none are wanted. From then on the options have their values in one form, with
    /// the defaults, in the manifest and in the run's identity.
    ///
    /// @param compared whether a reference model scores the documents, too
    /// @throws Refusal if the options do not fit each other, or how documents are scored
    @Nullable
    Buckets of(ScoreJob.Settings scoring, boolean compared) {
        if (buckets == null) {
            if (figure != null || by != null) {
                throw Refusal.usage("%s is for --buckets; give that, too, such as --buckets 30,60"
                        .formatted(figure != null ? "--buckets-of" : Buckets.BY));
            }
            return null;
        }
        Percentiles percentiles;
        try {
            percentiles = Percentiles.parse(buckets);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage(
                    "--buckets: %s; write --buckets 30,60".formatted(Quote.line(String.valueOf(e.getMessage()))));
        }
        buckets = percentiles.toString();
        figure = figure == null ? Buckets.Figure.BITS_PER_BYTE : figure;
        if (figure == Buckets.Figure.BITS_PER_BYTE) {
            refuseWithoutBits(scoring);
        }
        if (figure == Buckets.Figure.EXCESS_NLL && !compared) {
            throw Refusal.usage("--buckets-of excess_nll is for runs with a reference model; give --reference-model");
        }
        return new Buckets(percentiles, figure, by == null ? null : new GroupColumn(by));
    }

    private static void refuseWithoutBits(ScoreJob.Settings scoring) {
        if (scoring.content() instanceof ContentColumn.Tokens) {
            throw Refusal.usage(
                    "documents of token ids have no bytes, and so no bits_per_byte; give --buckets-of" + " perplexity");
        }
        if (scoring.prompt() == null && scoring.scoring().windows() instanceof Windows.Half) {
            throw Refusal.usage("--windows half scores no document as a whole, so there is no bits_per_byte; give"
                    + " --buckets-of perplexity");
        }
    }
}
