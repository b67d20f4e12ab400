// The page as it is shipped: the real core behind the face.
import { connect } from "./core/connect.ts";
import { start } from "./start.tsx";

start(connect());
