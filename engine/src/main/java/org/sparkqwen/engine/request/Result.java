package org.sparkqwen.engine.request;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.sampling.RankedToken;
import org.sparkqwen.engine.scoring.DocumentScore;

/// The result of a request.
public sealed interface Result {
    /// The id of the request.
    long id();

    /// The log-likelihood of a document, or of a continuation.
    ///
    /// @param greedy whether each token of a continuation is the most likely one; null for a document
    /// @param tokens the ids of the document or continuation, without prefix or prompt
    /// @param bytes UTF-8 bytes of the request's content; null for content that came as tokens or as a conversation
    /// @param words runs of non-white-space in the content; null if `bytes` is null
    record Scored(
            long id,
            DocumentScore score,
            @Nullable Boolean greedy,
            int[] tokens,
            @Nullable Integer bytes,
            @Nullable Integer words)
            implements Result {}

    /// The label of a text, and how likely each label is among all of them.
    ///
    /// @param logProbabilities each label's log-probability after the prompt in nats, the sum over its tokens
    /// @param probabilities the softmax of these
    /// @param labelTokens number of tokens of all labels together
    /// @param truncated whether the prompt's text was cut, because it was too long
    record Classified(
            long id,
            Labels labels,
            double[] logProbabilities,
            double[] probabilities,
            int promptTokens,
            int labelTokens,
            boolean truncated)
            implements Result {

        /// Computes the probabilities. It sums in the order of labels, so that the same labels give the same
        /// bits.
        ///
        /// @param logProbabilities finite numbers, one for each label
        public static Classified of(
                long id,
                Labels labels,
                double[] logProbabilities,
                int promptTokens,
                int labelTokens,
                boolean truncated) {
            double greatest = Arrays.stream(logProbabilities).max().orElseThrow();
            double[] probabilities = new double[logProbabilities.length];
            double sum = 0;
            for (int i = 0; i < probabilities.length; i++) {
                probabilities[i] = StrictMath.exp(logProbabilities[i] - greatest);
                sum += probabilities[i];
            }
            for (int i = 0; i < probabilities.length; i++) {
                probabilities[i] /= sum;
            }
            return new Classified(id, labels, logProbabilities, probabilities, promptTokens, labelTokens, truncated);
        }

        /// The most likely label; of equals, the first.
        public String label() {
            int best = 0;
            for (int i = 1; i < logProbabilities.length; i++) {
                best = logProbabilities[i] > logProbabilities[best] ? i : best;
            }
            return labels.names().get(best);
        }

        /// The difference between the two greatest probabilities.
        public double margin() {
            double[] ascending = probabilities.clone();
            Arrays.sort(ascending);
            return ascending[ascending.length - 1] - ascending[ascending.length - 2];
        }

        /// The probability of a label.
        ///
        /// @throws IllegalArgumentException if there is no such label
        public double probability(String label) {
            int index = labels.names().indexOf(label);
            if (index < 0) {
                throw new IllegalArgumentException("no label " + label);
            }
            return probabilities[index];
        }

        /// The expected value of labels that are numbers.
        ///
        /// @throws IllegalArgumentException naming a label that is no number
        public double expectedValue() {
            double[] numbers = labels.numbers();
            double sum = 0;
            for (int i = 0; i < numbers.length; i++) {
                sum += numbers[i] * probabilities[i];
            }
            return sum;
        }
    }

    /// A generated continuation.
    ///
    /// @param text the text without the tool calls that could be read; only the answer if the model reasons first;
    ///     null if the model has no tokenizer
    /// @param reasoning the text before the answer; null if none was requested or none came
    /// @param toolCalls the model's tool calls; null if it was given no tools, or if a call in the text cannot be
    ///     read
    /// @param tokens the generated ids, an end-of-text token included
    /// @param logProbabilities log-probabilities of the generated tokens in the model's own distribution, before
    ///     temperature and filters
    /// @param best the most likely tokens at each position, as many as were requested; empty if none were
    record Generated(
            long id,
            @Nullable String text,
            @Nullable String reasoning,
            @Nullable List<ToolCall> toolCalls,
            FinishReason finishReason,
            int promptTokens,
            List<Integer> tokens,
            List<Double> logProbabilities,
            List<List<RankedToken>> best)
            implements Result {}

    /// The embedding of a text.
    ///
    /// @param embedding numbers whose squares sum to 1
    /// @param tokens number of tokens that the model read
    /// @param truncated whether the text has more tokens than the context
    record Embedded(long id, float[] embedding, int tokens, boolean truncated) implements Result {}

    /// A request that cannot be answered.
    ///
    /// @param reason one line: what is wrong with the request
    record Rejected(long id, String reason) implements Result {}

    /// The reason why a text ended.
    enum FinishReason {
        /// The text ended with an end-of-text token, a stop token, a stop text, or the end of what a constraint
        /// asks for.
        STOP,
        /// The text reached the most tokens allowed, or the end of the context.
        LENGTH,
        /// The text repeated itself in a loop.
        REPETITION
    }
}
