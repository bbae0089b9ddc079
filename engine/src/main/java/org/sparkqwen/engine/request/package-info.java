/// The input and output of an engine: requests, contents, options and results.
@NullMarked
package org.sparkqwen.engine.request;

import org.jspecify.annotations.NullMarked;
