/// What an engine takes and gives: requests, contents, options and results.
@NullMarked
package org.sparkqwen.engine.request;

import org.jspecify.annotations.NullMarked;
