package org.sparkqwen.engine.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A template, ready to be rendered; immutable and safe for use by many threads.
///
/// It is written in Jinja. What Jinja has and this does not (template inheritance, imports, filters that chat templates
/// do not use) is an error, never other output.
public final class Template {
    private final List<Statement> statements;

    private Template(List<Statement> statements) {
        this.statements = statements;
    }

    /// @throws TemplateException if `source` is no template; the message names the line
    public static Template parse(String source) {
        try {
            return new Template(new Parser(Lexer.read(source)).template());
        } catch (StackOverflowError e) {
            throw new TemplateException("the template nests too deep");
        }
    }

    /// @param variables [Text], String (which is as good as the template's own), Boolean, Long, null for Python's
    ///     `None`, and lists and maps of these
    /// @throws TemplateException if the template refuses what it is given or cannot go on; the message names the
    ///     line
    public Text render(Map<String, ? extends @Nullable Object> variables) {
        Scope scope = Scope.outermost();
        Functions.ALL.forEach(scope::set);
        variables.forEach((name, value) -> scope.set(name, Values.of(value)));
        List<Text> output = new ArrayList<>();
        try {
            Statement.runAll(statements, scope, output);
            return Text.join(output);
        } catch (StackOverflowError e) {
            throw new TemplateException("the template nests too deep");
        }
    }
}
