package org.sparkqwen.engine.template;

import java.util.List;

/// A part of a template that writes text.
@FunctionalInterface
interface Statement {
    Flow run(Scope scope, Text.Builder output);

    /// Where a rendering continues after a statement.
    enum Flow {
        ON,
        /// The rendering continues after the innermost loop.
        BREAK,
        /// The rendering continues with the next item of the innermost loop.
        CONTINUE
    }

    /// Runs statements until one of them leaves the loop. Each statement costs a step of the rendering's
    /// budget.
    static Flow runAll(List<Statement> statements, Scope scope, Text.Builder output) {
        scope.budget().enter();
        Flow flow = Flow.ON;
        for (int i = 0; i < statements.size() && flow == Flow.ON; i++) {
            scope.budget().step();
            flow = statements.get(i).run(scope, output);
        }
        scope.budget().leave();
        return flow;
    }
}
