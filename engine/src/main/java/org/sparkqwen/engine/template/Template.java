package org.sparkqwen.engine.template;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A template that is ready to be rendered. It is immutable and safe for use by many threads.
///
/// Templates are written in Jinja. Features of Jinja that are not supported (template inheritance, imports,
/// filters that chat templates do not use) are errors and never give other output. Any source is parsed or
/// refused in limited time, and a rendering ends within a [Budget].
public final class Template {
    /// The longest source, in chars. The templates of published models have up to 20,000.
    private static final int LONGEST_SOURCE = 1 << 20;

    /// The bytes of a run of the rendered text when it is handed on.
    private static final int RUN_BYTES = 128;

    private final List<Statement> statements;
    private final Set<String> words;

    private Template(List<Statement> statements, Set<String> words) {
        this.statements = statements;
        this.words = words;
    }

    /// @throws TemplateException if `source` is not a template; the message names the line
    public static Template parse(String source) {
        if (source.length() > LONGEST_SOURCE) {
            throw new TemplateException("%,d characters, more than the %,d that a template may have"
                    .formatted(source.length(), LONGEST_SOURCE));
        }
        try {
            Tokens tokens = Lexer.read(source);
            return new Template(new Parser(tokens).template(), tokens.words());
        } catch (StackOverflowError e) { // the thread has a smaller stack than usual
            throw TemplateException.tooDeep();
        }
    }

    /// Returns the names and the strings in the template's tags. They include every member that the template
    /// reads by name.
    public Set<String> words() {
        return words;
    }

    /// Renders the template.
    ///
    /// @param variables each a [Text], String (which counts as the template's own), Boolean, Long or Double,
    ///     null for Python's `None`, or a list or map of these
    /// @throws TemplateException if the template refuses its input or cannot continue, or if the rendering
    ///     would take too much work or memory; the message names the line
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
        } catch (StackOverflowError e) { // the thread has a smaller stack than usual
            throw TemplateException.tooDeep();
        }
    }
}
