package org.sparkqwen.engine.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.RejectedContent;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.tokenizer.SpecialTokens;

/// A prompt and the labels that may follow it, as token ids. They are tokenized apart, so the ids of a label do not
/// depend on the prompt.
///
/// @param prompt at least one id
/// @param truncated whether the prompt's text was cut
/// @param labels at least one id for each label
record LabelledPrompt(int[] prompt, boolean truncated, List<int[]> labels) {

    /// @throws RejectedContent if there is no prompt, or if it does not fit into the context before each label
    static LabelledPrompt of(LoadedModel model, Request.Classify request) {
        int context = request.context();
        List<int[]> labels = new ArrayList<>();
        int room = context; // the last token of a label is not read
        for (String name : request.labels().names()) {
            int[] label = model.tokens(new Content.Text(name, SpecialTokens.TEXT));
            if (label.length > context) {
                throw new RejectedContent("the label '%s' has %,d tokens, and the context %,d"
                        .formatted(Quote.of(name), label.length, context));
            }
            labels.add(label);
            room = Math.min(room, context - (label.length - 1));
        }
        if (request.content() instanceof Content.Framed framed) {
            return framed(model, framed, room, labels);
        }
        int[] prompt = model.prompt(request.content()).tokens();
        if (prompt.length > room) {
            throw new RejectedContent("a prompt of %,d tokens and the longest label do not fit into a context of %,d"
                    .formatted(prompt.length, context));
        }
        return new LabelledPrompt(prompt, false, labels);
    }

    /// Cuts the end of the text, as the code in the card of Qwen3-Reranker does.
    private static LabelledPrompt framed(LoadedModel model, Content.Framed framed, int room, List<int[]> labels) {
        int[] before = model.tokens(new Content.Text(framed.before(), SpecialTokens.PARSE));
        int[] text = model.tokens(framed.text());
        int[] after = model.tokens(new Content.Text(framed.after(), SpecialTokens.PARSE));
        int kept = Math.min(text.length, room - before.length - after.length);
        if (kept < 1) {
            throw new RejectedContent("%,d tokens around the text leave no room for it in a context of %,d"
                    .formatted(before.length + after.length, room));
        }
        int[] prompt = Arrays.copyOf(before, before.length + kept + after.length);
        System.arraycopy(text, 0, prompt, before.length, kept);
        System.arraycopy(after, 0, prompt, before.length + kept, after.length);
        return new LabelledPrompt(prompt, kept < text.length, labels);
    }

    /// The number of tokens of all labels together.
    int labelTokens() {
        return labels.stream().mapToInt(label -> label.length).sum();
    }
}
