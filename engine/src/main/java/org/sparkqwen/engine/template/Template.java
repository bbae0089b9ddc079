package org.sparkqwen.engine.template;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A template, ready to be rendered; immutable and safe for use by many threads.
///
/// It is written in Jinja. What Jinja has and this does not (template inheritance, imports, filters that chat templates
/// do not use) is an error, never other output. A source of any kind is read or refused in time, and a rendering ends
/// within a [Budget].
public final class Template {
    /// In chars; those of published models have up to 20,000.
    private static final int LONGEST_SOURCE = 1 << 20;

    /// What a piece of the rendered text takes where it is handed on.
    private static final int RUN_BYTES = 128;

    private final List<Statement> statements;
    private final Set<String> words;

    private Template(List<Statement> statements, Set<String> words) {
        this.statements = statements;
        this.words = words;
    }

    /// @throws TemplateException if `source` is no template; the message names the line
    public static Template parse(String source) {
        if (source.length() > LONGEST_SOURCE) {
            throw new TemplateException("%,d characters, more than the %,d that a template may have"
                    .formatted(source.length(), LONGEST_SOURCE));
        }
        try {
            Tokens tokens = Lexer.read(source);
            return new Template(new Parser(tokens).template(), tokens.words());
        } catch (StackOverflowError e) { // on a thread with less of a stack than usual
            throw TemplateException.tooDeep();
        }
    }

    /// The names and the strings in its tags. A member that it reads by name is among them.
    public Set<String> words() {
        return words;
    }

    /// @param variables [Text], String (which is as good as the template's own), Boolean, Long, Double, null for
    ///     Python's `None`, and lists and maps of these
    /// @throws TemplateException if the template refuses what it is given or cannot go on, or if that would take
    ///     too much work or memory; the message names the line
    /// @throws java.util.concurrent.CancellationException if the thread is interrupted
    public Text render(Map<String, ? extends @Nullable Object> variables) {
        try {
            Budget budget = Input.budget(variables);
            Scope scope = Scope.outermost(budget);
            Functions.ALL.forEach(scope::set);
            variables.forEach((name, value) -> scope.set(name, Input.value(value, budget)));
            Text.Builder output = new Text.Builder(budget);
            Statement.runAll(statements, scope, output);
            Text text = output.text();
            if (text.length() > budget.longestOutput()) {
                throw new TemplateException("the template makes %,d characters of this conversation, more than %,d"
                        .formatted(text.length(), budget.longestOutput()));
            }
            budget.bytes(RUN_BYTES * (long) text.countRuns());
            return text;
        } catch (StackOverflowError e) { // on a thread with less of a stack than usual
            throw TemplateException.tooDeep();
        }
    }
}
