package org.sparkqwen.engine.run;

import java.util.Arrays;
import java.util.List;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.RejectedContent;
import org.sparkqwen.engine.tokenizer.TextPart;
import org.sparkqwen.engine.tokenizer.Tokenizer;

/// A prompt and its continuation as token ids.
///
/// Texts are split as lm-evaluation-harness does (`_encode_pair`). White space at the prompt's end belongs to the
/// continuation, because tokens begin with it. Both are tokenized together, and the continuation is what follows as
/// many tokens as the prompt has by itself. So the continuation's tokens are those that it has in a running text. A
/// prompt of text begins with what the tokenizer puts before every text, unless it does so already.
///
/// @param prompt at least one id; for an empty prompt the beginning token or, without one, the end-of-text token
/// @param continuation at least one id
record PromptedTokens(int[] prompt, int[] continuation) {

    /// @throws RejectedContent if either cannot be read, or if nothing is left to score
    /// @throws IllegalArgumentException unless both are texts or both are token ids
    static PromptedTokens of(LoadedModel model, Content prompt, Content continuation) {
        if (prompt instanceof Content.Unreadable unreadable) {
            throw new RejectedContent(ofPrompt(unreadable.reason()));
        }
        if (continuation instanceof Content.Unreadable unreadable) {
            throw new RejectedContent(unreadable.reason());
        }
        if (prompt instanceof Content.Tokens before && continuation instanceof Content.Tokens) {
            int[] tokens = before.ids().length == 0 ? endOfText(model) : promptTokens(model, before);
            return new PromptedTokens(tokens, model.tokens(continuation));
        }
        if (prompt instanceof Content.Text before && continuation instanceof Content.Text after) {
            return split(model, before, after);
        }
        throw new IllegalArgumentException("a prompt and its continuation are both texts or both token ids");
    }

    private static PromptedTokens split(LoadedModel model, Content.Text prompt, Content.Text continuation) {
        if (continuation.text().isEmpty()) {
            throw new RejectedContent("the text is empty");
        }
        int[] whole = model.tokens(new Content.Parts(List.of(
                new TextPart(prompt.text(), prompt.special()),
                new TextPart(continuation.text(), continuation.special()))));
        String stripped = WhiteSpace.stripEnd(prompt.text());
        if (stripped.isEmpty()) {
            return new PromptedTokens(endOfText(model), whole);
        }
        int[] tokens = promptTokens(model, new Content.Text(stripped, prompt.special()));
        if (whole.length <= tokens.length) {
            throw new RejectedContent("the text adds no token to the prompt's %d: together they have %d"
                    .formatted(tokens.length, whole.length));
        }
        return new PromptedTokens(begun(model, tokens), Arrays.copyOfRange(whole, tokens.length, whole.length));
    }

    private static int[] begun(LoadedModel model, int[] prompt) {
        int[] before = model.tokenizer().map(Tokenizer::tokensBefore).orElse(new int[0]);
        if (before.length == 0 || prompt[0] == before[0]) {
            return prompt;
        }
        int[] begun = Arrays.copyOf(before, before.length + prompt.length);
        System.arraycopy(prompt, 0, begun, before.length, prompt.length);
        return begun;
    }

    private static int[] promptTokens(LoadedModel model, Content prompt) {
        try {
            return model.tokens(prompt);
        } catch (RejectedContent e) {
            throw new RejectedContent(ofPrompt(e.reason()));
        }
    }

    private static int[] endOfText(LoadedModel model) {
        return new int[] {
            model.documentPrefix()
                    .ofHarness()
                    .orElseThrow(() -> new RejectedContent(
                            ofPrompt("it is empty, and the model has no end-of-text token to stand for it")))
        };
    }

    private static String ofPrompt(String reason) {
        return "prompt: " + reason;
    }
}
