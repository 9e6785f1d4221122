//! Does what a call is to do: hands it to its handler.

use crate::engine::{Product, Work};
use crate::tasks::Tasks;
use crate::{CallContext, ToolError};

pub(super) async fn run(
    work: Work,
    context: CallContext,
    tasks: &Tasks,
) -> Result<Product, ToolError> {
    Ok(match work {
        Work::Call(tool, arguments) => Product::Called(tool.call(arguments, context).await?),
        Work::Get(prompt, arguments) => Product::Got(prompt.get(arguments, context).await?),
        Work::List(provider, position) => {
            Product::Listed(provider.list(position.as_deref(), context).await?)
        }
        Work::Templates(provider, position) => {
            Product::Templates(provider.templates(position.as_deref(), context).await?)
        }
        Work::Read(provider, uri) => match provider.read(&uri, context).await? {
            // 2026-07-28, resources: a missing resource is never an empty list of contents.
            Some(result) if !result.contents.is_empty() => Product::Read(result),
            _ => Product::NothingAt(uri),
        },
        Work::Complete(completer, params) => {
            Product::Completed(completer.complete(params, context).await?)
        }
        Work::GetTask(id) => {
            let found = tasks.get(&id, context.principal());
            Product::Task(found.map_err(ToolError::refused)?)
        }
        Work::UpdateTask(id, answers) => {
            let taken = tasks.update(&id, context.principal(), answers);
            taken
                .map(|()| Product::Acknowledged)
                .map_err(ToolError::refused)?
        }
        Work::CancelTask(id) => {
            let stopped = tasks.cancel(&id, context.principal());
            stopped
                .map(|()| Product::Acknowledged)
                .map_err(ToolError::refused)?
        }
    })
}
