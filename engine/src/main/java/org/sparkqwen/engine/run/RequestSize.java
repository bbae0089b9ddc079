package org.sparkqwen.engine.run;

import org.sparkqwen.engine.request.RejectedContent;
import org.sparkqwen.engine.request.Request;

/// The size of a request in tokens, which is known before anything is computed.
///
/// @param given the tokens that are scored or embedded, or those of the prompt, and of labels that may follow it
/// @param mostGenerated the most tokens that can follow the prompt; 0 for a request that generates nothing
public record RequestSize(long given, long mostGenerated) {
    /// Measures a request.
    ///
    /// @throws RejectedContent if the request would be rejected
    public static RequestSize of(LoadedModel model, Request request) {
        return switch (request) {
            case Request.Score score ->
                new RequestSize(Document.of(model, score).tokens(), 0);
            case Request.Classify classify -> {
                LabelledPrompt tokens = LabelledPrompt.of(model, classify);
                yield new RequestSize(tokens.prompt().length + tokens.labelTokens(), 0);
            }
            case Request.Embed embed ->
                new RequestSize(EmbeddedText.of(model, embed).tokens().length, 0);
            case Request.Generate generate -> {
                int prompt = GenerationRun.prompt(model, generate).tokens().length;
                int most = Math.min(
                        generate.params().ending().maxNewTokens(),
                        model.config().maxPositions() - prompt);
                yield new RequestSize(prompt, most);
            }
        };
    }
}
